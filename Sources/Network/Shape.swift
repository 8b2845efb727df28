/// What a model's tensors measure.
package struct Shape: Codable, Equatable, Sendable {
  /// Which function estimates the clean embedding from `[x ‖ h ‖ τ(t)]`, each of width d.
  package enum Denoiser: String, Codable, CaseIterable, Sendable {
    /// One affine map 3d → d: every published DreamRec command ("mlp1").
    case linear
    /// 3d → 2d, GELU, 2d → d ("mlp2").
    case mlp
    /// h plus what `mlp` gives, brought to the length √d: it begins as the encoder alone.
    case residual
    /// As `residual`, but h and τ(t) scale and shift a normalised x (adaptive layer norm: Peebles
    /// and Xie 2023, section 3.2) instead of standing beside it.
    case adaptive
    /// None: the estimate is h, as in SASRec.
    case none

    /// Whether it adds to h, and its estimates are directions of the length √d.
    package var addsToCondition: Bool { self == .residual || self == .adaptive }
  }

  /// Items in the catalogue, N; the embedding table has one row more, the padding row N.
  package var items: Int
  /// Clicks the encoder reads, L.
  package var length: Int
  /// The embedding's width, d; even.
  package var width: Int
  package var denoiser: Denoiser
  /// Blocks of the encoder, one after the other; DreamRec has one.
  package var blocks: Int
  /// Heads of a block's attention, which divide the width; DreamRec has one.
  package var heads: Int

  package init(
    items: Int,
    length: Int = 10,
    width: Int = 64,
    denoiser: Denoiser,
    blocks: Int = 1,
    heads: Int = 1
  ) {
    self.items = items
    self.length = length
    self.width = width
    self.denoiser = denoiser
    self.blocks = blocks
    self.heads = heads
  }

  /// A manifest may leave out blocks and heads where there is one.
  package init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    items = try values.decode(Int.self, forKey: .items)
    length = try values.decode(Int.self, forKey: .length)
    width = try values.decode(Int.self, forKey: .width)
    denoiser = try values.decode(Denoiser.self, forKey: .denoiser)
    blocks = try values.decodeIfPresent(Int.self, forKey: .blocks) ?? 1
    heads = try values.decodeIfPresent(Int.self, forKey: .heads) ?? 1
  }

  /// Every tensor of a model of this shape, in the order of its block of weights.
  package var tensors: [BlockTensor] {
    let own = Tensor.allCases.filter { !$0.dimensions(in: self).isEmpty }
      .map { BlockTensor(tensor: $0, block: 0) }
    let further = (1..<max(1, blocks)).flatMap { block in
      Tensor.ofBlock.map { BlockTensor(tensor: $0, block: block) }
    }
    return own + further
  }
}

/// A tensor of a model, and the encoder's block that it is of; 0 for all that is of none.
package struct BlockTensor: Hashable, Sendable {
  package let tensor: Tensor
  package let block: Int

  /// Its name in a file: the published one, with the block before it from the second block on.
  package var name: String {
    block == 0 ? tensor.rawValue : "blocks.\(block).\(tensor.rawValue)"
  }
}

/// Every learned tensor of a model whose encoder has one block, by the name the published DreamRec
/// code gives it.
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
  /// Of an `adaptive` denoiser: what normalises x, and what makes scale and shift of [h ‖ τ(t)].
  case adaptiveNormGain = "diffuser.norm.weight"
  case adaptiveNormBias = "diffuser.norm.bias"
  case adaptiveWeight = "diffuser.adaptive.weight"
  case adaptiveBias = "diffuser.adaptive.bias"
  case denoiser1Weight = "diffuser.0.weight"
  case denoiser1Bias = "diffuser.0.bias"
  /// A `linear` denoiser has no second layer, and `none` has nothing.
  case denoiser2Weight = "diffuser.2.weight"
  case denoiser2Bias = "diffuser.2.bias"

  /// The tensor's dimensions, row-major, as PyTorch stores them; empty when the model has none.
  package func dimensions(in shape: Shape) -> [Int] {
    let d = shape.width
    let hidden =
      switch shape.denoiser {
      case .linear: d
      case .mlp, .residual, .adaptive: 2 * d
      case .none: 0
      }
    if hidden == 0, Self.ofStep.contains(self) { return [] }
    if shape.denoiser != .adaptive, Self.ofAdaptive.contains(self) { return [] }
    switch self {
    case .items: return [shape.items + 1, d]
    case .none: return [1, d]
    case .positions: return [shape.length, d]
    case .queryWeight, .keyWeight, .valueWeight: return [d, d]
    case .feedForward1Weight, .feedForward2Weight: return [d, d, 1]
    case .step1Weight: return [2 * d, d]
    case .step1Bias: return [2 * d]
    case .step2Weight: return [d, 2 * d]
    case .adaptiveWeight: return [2 * d, 2 * d]
    case .adaptiveBias: return [2 * d]
    case .denoiser1Weight:
      return hidden == 0 ? [] : [hidden, shape.denoiser == .adaptive ? d : 3 * d]
    case .denoiser1Bias: return hidden == 0 ? [] : [hidden]
    case .denoiser2Weight: return hidden == 2 * d ? [d, 2 * d] : []
    case .denoiser2Bias: return hidden == 2 * d ? [d] : []
    default: return [d]
    }
  }

  /// Whether it is of the denoiser, and not of items or encoder.
  package var isOfDenoiser: Bool {
    Self.ofStep.contains(self) || rawValue.hasPrefix("diffuser")
  }

  private static let ofStep: [Tensor] = [
    .none, .step1Weight, .step1Bias, .step2Weight, .step2Bias,
  ]

  private static let ofAdaptive: [Tensor] = [
    .adaptiveNormGain, .adaptiveNormBias, .adaptiveWeight, .adaptiveBias,
  ]

  /// Those that each further block of the encoder has too.
  static let ofBlock: [Tensor] = [
    .norm1Gain, .norm1Bias, .norm2Gain, .norm2Bias, .queryWeight, .queryBias, .keyWeight, .keyBias,
    .valueWeight, .valueBias, .feedForward1Weight, .feedForward1Bias, .feedForward2Weight,
    .feedForward2Bias, .feedForwardNormGain, .feedForwardNormBias,
  ]
}
