internal import Diffusion

/// The clicks of a batch that get a generated suggestion, as the model sees them.
struct Rows {
  /// Which event of the turn each row answers.
  var events: [Int] = []
  /// What clicks teach; their rows stand behind those that answer events.
  var lessons: [LessonRow] = []
  /// Item indices of each row, oldest first, one row after the other.
  var history: [Int32] = []
  /// What the last click of each row's user was of.
  var previous: [String] = []
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

/// A click, and the session before it.
struct LessonRow {
  let event: Int
  /// `nil` where the model knows nothing of the session.
  let row: Int?
  let previous: String
  let item: String
}
