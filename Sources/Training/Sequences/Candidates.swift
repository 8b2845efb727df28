import Autodiff
import Foundation
import Kernels

/// What targets are told apart from by a softmax: all items, or some that were drawn (Bengio and
/// Senécal 2008).
///
/// Every target of the batch is among the drawn. Each other drawn item stands for all items that
/// are no target: so its score counts for as many as there are for each one drawn.
struct Candidates {
  /// All items, (N, d).
  let all: Tape.Node
  /// The candidates, (n, d).
  let table: Tape.Node
  /// Each example's row of ``table``.
  let targets: [Int32]
  /// What is added to each candidate's score; nil for nothing.
  let offsets: [Float]?
  /// What each example's softmax leaves out; nil for nothing.
  let mask: CrossEntropy.Mask?

  /// - Parameters:
  ///   - batch: Its `candidates` are items that were drawn, or none for all.
  ///   - table: All items.
  ///   - items: How many they are, N.
  ///   - excludesSeen: Whether an example's history is left out.
  ///   - tape: Where they are written.
  init(
    _ batch: SequenceBatch,
    _ table: Tape.Node,
    of items: Int,
    excludesSeen: Bool,
    on tape: inout Tape
  ) {
    all = table
    guard !batch.candidates.isEmpty else {
      self.table = table
      targets = batch.targets
      offsets = nil
      mask = excludesSeen ? .init(items: batch.clicks, ranges: batch.histories) : nil
      return
    }
    let wanted = Array(Set(batch.targets)).sorted()
    let drawn = Set(batch.candidates).subtracting(wanted).sorted()
    let places = Dictionary(uniqueKeysWithValues: zip(wanted, Int32(0)...))
    self.table = tape.take(table, wanted + drawn)
    targets = batch.targets.map { places[$0] ?? 0 }
    let each = log(Float(items - wanted.count) / Float(max(1, drawn.count)))
    offsets = wanted.map { _ in 0 } + drawn.map { _ in each }
    let rows = places.merging(zip(drawn, Int32(wanted.count)...)) { $1 }
    mask =
      excludesSeen
      ? .init(items: batch.clicks.map { rows[$0] ?? -1 }, ranges: batch.histories) : nil
  }
}
