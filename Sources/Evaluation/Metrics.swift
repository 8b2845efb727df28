internal import Glibc

/// How well the items that came next were ranked, weighted by example.
package struct RankingMetrics: Equatable, Sendable {
  /// Ranks below this count as not found.
  package let cutoff: Int
  package private(set) var examples = 0
  package private(set) var hits = 0
  private var discountedGain = 0.0

  package init(cutoff: Int) { self.cutoff = cutoff }

  /// Adds an example whose target stood at `rank`, from 0; `nil` when it was not ranked at all.
  package mutating func add(rank: Int?) {
    examples += 1
    guard let rank, rank < cutoff else { return }
    hits += 1
    discountedGain += 1 / log2(Double(rank) + 2)
  }

  /// HR@cutoff: the share of examples whose target was among the first `cutoff`.
  package var hitRate: Double { mean(Double(hits)) }
  /// NDCG@cutoff with one relevant item: the mean of 1 / log₂(rank + 2).
  package var ndcg: Double { mean(discountedGain) }

  private func mean(_ sum: Double) -> Double { examples == 0 ? 0 : sum / Double(examples) }
}
