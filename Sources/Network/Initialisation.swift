internal import Diffusion
internal import Kernels

extension Weights {
  /// Weights to begin training from, as PyTorch draws them by default.
  ///
  /// Embeddings are standard normal, norms 1 and 0, and the weight and bias of a layer with n
  /// inputs uniform on ±1/√n. A tensor's numbers depend on the seed and its name alone.
  package init(shape: Shape, seed: UInt64) {
    self.init(shape: shape)
    for tensor in shape.tensors {
      let key = NoiseKey(seed: seed, user: stableHash(tensor.name), position: 0)
      switch tensor.tensor {
      case .items, .none, .positions:
        values.edit(range(tensor)) { Noise.fill(&$0, key: key, draw: 0) }
      case .norm1Gain, .norm2Gain, .norm3Gain, .feedForwardNormGain, .adaptiveNormGain:
        values.edit(range(tensor)) { for i in $0.indices { $0[i] = 1 } }
      case .norm1Bias, .norm2Bias, .norm3Bias, .feedForwardNormBias, .adaptiveNormBias:
        break
      case .adaptiveWeight, .adaptiveBias:
        // Scale and shift begin as none (Peebles and Xie 2023).
        break
      case .denoiser2Weight where shape.denoiser.addsToCondition,
        .denoiser2Bias where shape.denoiser.addsToCondition:
        // The estimate begins as the encoder's, and learns what to add.
        break
      default:
        let bound = 1 / Float(inputs(of: tensor.tensor)).squareRoot()
        values.edit(range(tensor)) { fillUniformly(&$0, bound: bound, key: key) }
      }
    }
  }

  /// What the layer of a weight or a bias reads.
  private func inputs(of tensor: Tensor) -> Int {
    for layer in Layer.allCases where layer.tensors.0 == tensor || layer.tensors.1 == tensor {
      return range(layer.tensors.0).count / range(layer.tensors.1).count
    }
    return shape.width
  }
}

/// Writes numbers from −bound to bound.
private func fillUniformly(_ values: inout MutableSpan<Float>, bound: Float, key: NoiseKey) {
  let words = (UInt32(truncatingIfNeeded: key.seed), UInt32(truncatingIfNeeded: key.seed >> 32))
  let stream = (UInt32(truncatingIfNeeded: key.user), UInt32(truncatingIfNeeded: key.user >> 32))
  for start in stride(from: 0, to: values.count, by: 4) {
    let four = Philox.words((UInt32(start / 4), 0, stream.0, stream.1), key: words)
    for (i, word) in [four.0, four.1, four.2, four.3].enumerated() where start + i < values.count {
      values[start + i] = bound * (Float(word >> 8) * 0x1p-23 - 1)
    }
  }
}
