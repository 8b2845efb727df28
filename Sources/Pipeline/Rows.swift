internal import Diffusion

/// The clicks of a batch that get a generated suggestion, as the model sees them.
struct Rows {
  /// Which event of the turn each row answers.
  var events: [Int] = []
  /// Item indices of each row, oldest first, one row after the other.
  var history: [Int32] = []
  /// Clicks in each row, at most the encoder's length.
  var lengths: [Int32] = []
  /// All known items of each row's session, when these must not be suggested; empty otherwise.
  var seen: [[Int32]] = []
  /// What draws each row's noise.
  var keys: [NoiseKey] = []
  /// When each row should be done, on the monotonic clock; empty without a deadline.
  var deadlinesNs: [UInt64] = []
  /// What the denoiser is conditioned on, (rows, d).
  var conditions: [Float] = []
  var generated = Generated(width: 0)
}
