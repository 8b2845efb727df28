internal import Glibc

/// A measure of where the one relevant item of an example was ranked; its mean is what is reported.
package struct RankMetric: Hashable, Sendable {
  package enum Kind: String, CaseIterable, Sendable {
    /// HR: 1 if rank < K, else 0 (Deshpande and Karypis, 2004).
    case hitRate = "hr"
    /// NDCG: 1 / log₂(rank + 2) if rank < K, else 0 (Järvelin and Kekäläinen, 2002, with one
    /// relevant item, so that the ideal gain is 1).
    case ndcg
    /// MRR: 1 / (rank + 1) if rank < K, else 0 (Voorhees, 1999, cut at K).
    case reciprocalRank = "mrr"
  }

  package let kind: Kind
  /// K: ranks from here on count as not found.
  package let cutoff: Int

  package init(_ kind: Kind, cutoff: Int) {
    self.kind = kind
    self.cutoff = cutoff
  }

  package static let cutoffs = [5, 10, 20, 50]

  /// Every kind at every cutoff.
  package static let all = cutoffs.flatMap { cutoff in
    Kind.allCases.map { RankMetric($0, cutoff: cutoff) }
  }

  /// As people write it, such as `HR@20`.
  package var title: String { "\(kind.rawValue.uppercased())@\(cutoff)" }
  /// As files write it, such as `hr_20`.
  package var key: String { "\(kind.rawValue)_\(cutoff)" }

  /// The mean over examples; 0 of none.
  package func mean(of ranks: some Collection<Int32>) -> Double {
    Bootstrap.mean(ranks.map { value(rank: $0) })
  }

  /// The value for one example whose target stood at `rank`, from 0; `Int32.max` if it had none.
  package func value(rank: Int32) -> Double {
    guard rank >= 0, Int(rank) < cutoff else { return 0 }
    return switch kind {
    case .hitRate: 1
    case .ndcg: 1 / log2(Double(rank) + 2)
    case .reciprocalRank: 1 / (Double(rank) + 1)
    }
  }
}
