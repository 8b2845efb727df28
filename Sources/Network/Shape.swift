/// What a model's tensors measure.
package struct Shape: Codable, Equatable, Sendable {
  /// Which function estimates the clean embedding from `[x ‖ h ‖ τ(t)]`, each of width d.
  package enum Denoiser: String, Codable, CaseIterable, Sendable {
    /// One affine map 3d → d: every published DreamRec command ("mlp1").
    case linear
    /// 3d → 2d, GELU, 2d → d ("mlp2").
    case mlp
  }

  /// Items in the catalogue, N; the embedding table has one row more, the padding row N.
  package var items: Int
  /// Clicks the encoder reads, L.
  package var length: Int
  /// The embedding's width, d; even.
  package var width: Int
  package var denoiser: Denoiser

  package init(items: Int, length: Int = 10, width: Int = 64, denoiser: Denoiser) {
    self.items = items
    self.length = length
    self.width = width
    self.denoiser = denoiser
  }
}

/// Every learned tensor, by the name the published DreamRec code gives it.
package enum Tensor: String, CaseIterable, Sendable {
  case items = "item_embeddings.weight"
  case none = "none_embedding.weight"
  case positions = "positional_embeddings.weight"
  case norm1Gain = "ln_1.weight"
  case norm1Bias = "ln_1.bias"
  case norm2Gain = "ln_2.weight"
  case norm2Bias = "ln_2.bias"
  case norm3Gain = "ln_3.weight"
  case norm3Bias = "ln_3.bias"
  case queryWeight = "mh_attn.linear_q.weight"
  case queryBias = "mh_attn.linear_q.bias"
  case keyWeight = "mh_attn.linear_k.weight"
  case keyBias = "mh_attn.linear_k.bias"
  case valueWeight = "mh_attn.linear_v.weight"
  case valueBias = "mh_attn.linear_v.bias"
  case feedForward1Weight = "feed_forward.w_1.weight"
  case feedForward1Bias = "feed_forward.w_1.bias"
  case feedForward2Weight = "feed_forward.w_2.weight"
  case feedForward2Bias = "feed_forward.w_2.bias"
  case feedForwardNormGain = "feed_forward.layer_norm.weight"
  case feedForwardNormBias = "feed_forward.layer_norm.bias"
  case step1Weight = "step_mlp.1.weight"
  case step1Bias = "step_mlp.1.bias"
  case step2Weight = "step_mlp.3.weight"
  case step2Bias = "step_mlp.3.bias"
  case denoiser1Weight = "diffuser.0.weight"
  case denoiser1Bias = "diffuser.0.bias"
  /// Only the `mlp` denoiser has a second layer.
  case denoiser2Weight = "diffuser.2.weight"
  case denoiser2Bias = "diffuser.2.bias"

  /// The tensor's dimensions, row-major, as PyTorch stores them; empty when the model has none.
  package func dimensions(in shape: Shape) -> [Int] {
    let d = shape.width
    switch self {
    case .items: return [shape.items + 1, d]
    case .none: return [1, d]
    case .positions: return [shape.length, d]
    case .queryWeight, .keyWeight, .valueWeight: return [d, d]
    case .feedForward1Weight, .feedForward2Weight: return [d, d, 1]
    case .step1Weight: return [2 * d, d]
    case .step1Bias: return [2 * d]
    case .step2Weight: return [d, 2 * d]
    case .denoiser1Weight: return [shape.denoiser == .linear ? d : 2 * d, 3 * d]
    case .denoiser1Bias: return [shape.denoiser == .linear ? d : 2 * d]
    case .denoiser2Weight: return shape.denoiser == .linear ? [] : [d, 2 * d]
    case .denoiser2Bias: return shape.denoiser == .linear ? [] : [d]
    default: return [d]
    }
  }
}
