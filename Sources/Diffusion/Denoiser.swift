/// A model that estimates the clean vectors behind noisy ones, after guidance.
package protocol Denoiser {
  /// The vectors' width, d.
  var width: Int { get }

  /// Writes the estimate of x₀ for each of `rows` vectors in `x` (rows × d), all at step `t`.
  ///
  /// `requests[r]` says which request of the batch row r belongs to: stopped rows leave the batch,
  /// so a row's index changes while its request's does not.
  mutating func estimate(
    _ x: Span<Float>,
    requests: Span<Int32>,
    at t: Int,
    into clean: inout MutableSpan<Float>
  )
}
