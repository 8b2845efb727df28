package import Evaluation
package import Network

extension Examples {
  /// How well a baseline ranks the same targets, learned from `log` and then left as it is.
  ///
  /// - Parameters:
  ///   - items: The catalogue that the examples' indices are of.
  ///   - baseline: One that has seen nothing yet.
  ///   - log: The clicks to learn from.
  ///   - part: The part of them, where the log has parts.
  ///   - cutoff: How many suggestions count.
  /// - Returns: The metrics over all examples.
  package func metrics(
    items: ItemTable,
    of baseline: some Baseline,
    learnedFrom log: ClickLog,
    part: String,
    cutoff: Int,
  ) -> RankingMetrics {
    var baseline = baseline
    let wanted = log.part(part)
    for sequence in log.sequences {
      // A row's clicks but the last are those of the rows before it.
      for position in log.isRows ? sequence.suffix(1) : sequence[...]
      where wanted == nil || log.parts[position] == wanted {
        let previous =
          position > sequence.lowerBound ? log.names[Int(log.items[position - 1])] : nil
        baseline.observe(item: log.names[Int(log.items[position])], after: previous)
      }
    }
    var metrics = RankingMetrics(cutoff: cutoff)
    for example in 0..<count {
      let previous = history(example).last.map { items.ids[Int($0)] }
      let suggested = baseline.suggest(after: previous, count: cutoff)
      let wanted = target(example).map { items.ids[Int($0)] }
      metrics.add(rank: wanted.flatMap { suggested.firstIndex(of: $0) })
    }
    return metrics
  }

  /// How well the catalogue's own order, by clicks, ranks the same targets.
  package func popularityMetrics(cutoff: Int) -> RankingMetrics {
    var metrics = RankingMetrics(cutoff: cutoff)
    for example in 0..<count { metrics.add(rank: target(example).map(Int.init)) }
    return metrics
  }
}
