internal import Kernels

/// A map with two tensors, which lie side by side in the block: weight or gain, and then bias.
package enum Layer: CaseIterable, Sendable {
  case norm1, norm2, norm3, feedForwardNorm
  case query, key, value, feedForward1, feedForward2, step1, step2
  case adaptiveNorm, adaptive, denoiser1, denoiser2

  /// Its first tensor and its second.
  package var tensors: (Tensor, Tensor) {
    switch self {
    case .norm1: (.norm1Gain, .norm1Bias)
    case .norm2: (.norm2Gain, .norm2Bias)
    case .norm3: (.norm3Gain, .norm3Bias)
    case .feedForwardNorm: (.feedForwardNormGain, .feedForwardNormBias)
    case .query: (.queryWeight, .queryBias)
    case .key: (.keyWeight, .keyBias)
    case .value: (.valueWeight, .valueBias)
    case .feedForward1: (.feedForward1Weight, .feedForward1Bias)
    case .feedForward2: (.feedForward2Weight, .feedForward2Bias)
    case .step1: (.step1Weight, .step1Bias)
    case .step2: (.step2Weight, .step2Bias)
    case .adaptiveNorm: (.adaptiveNormGain, .adaptiveNormBias)
    case .adaptive: (.adaptiveWeight, .adaptiveBias)
    case .denoiser1: (.denoiser1Weight, .denoiser1Bias)
    case .denoiser2: (.denoiser2Weight, .denoiser2Bias)
    }
  }
}

extension Weights {
  /// Where a layer's two tensors lie in ``values``, the second right after the first; empty when
  /// the model has no such layer.
  package func range(_ layer: Layer, block: Int = 0) -> Range<Int> {
    let (first, second) = layer.tensors
    let (start, end) = (range(first, block: block), range(second, block: block))
    precondition(start.upperBound == end.lowerBound || start.isEmpty)
    return start.lowerBound..<end.upperBound
  }

  /// A layer's first tensor, (outputs, inputs), packed for products with few rows.
  func packed(_ layer: Layer, block: Int = 0, inputs: Int) -> PackedMatrix {
    let weight = range(layer.tensors.0, block: block)
    return PackedMatrix(
      outputsByInputs: values.span.extracting(weight),
      outputs: weight.count / inputs,
      inputs: inputs
    )
  }
}
