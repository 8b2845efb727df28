internal import Foundation

/// By how much recommenders of several runs exceed the first of the first run, on the same events.
package struct StreamComparison: Equatable, Sendable {
  package struct Row: Equatable, Sendable {
    /// Of which run, from 0.
    package let run: Int
    package let name: String
    package let metrics: [String: StreamReport.Estimate]
    /// Less those of the first row, paired by session; empty for that row itself, and for runs that
    /// judged other events.
    package let differences: [String: StreamReport.Estimate]
  }

  package let rows: [Row]
  /// Runs that judged other events than the first, or resampled them otherwise.
  package let unpaired: [Int]

  /// Compares runs; a recommender that several of them have alike is shown once.
  package init(_ runs: [StreamReport]) {
    var rows: [Row] = []
    var unpaired: [Int] = []
    for (number, run) in runs.enumerated() {
      let isPaired =
        run.fingerprint == runs[0].fingerprint && run.seed == runs[0].seed
        && run.resamples == runs[0].resamples
      if !isPaired { unpaired.append(number) }
      for row in run.rows {
        let isKnown = rows.contains { $0.name == row.name && $0.metrics == row.metrics }
        if isPaired, number > 0, isKnown { continue }
        let isFirst = rows.isEmpty
        rows.append(
          Row(
            run: number,
            name: row.name,
            metrics: row.metrics,
            differences: isFirst || !isPaired ? [:] : row.differences(less: runs[0].rows[0])
          )
        )
      }
    }
    self.rows = rows
    self.unpaired = unpaired
  }
}

extension StreamReport.Row {
  /// Every metric less the other's, resample by resample.
  fileprivate func differences(less other: Self) -> [String: StreamReport.Estimate] {
    var differences: [String: StreamReport.Estimate] = [:]
    for (key, text) in resamples {
      guard let ours = Self.floats(text), let theirs = other.resamples[key].flatMap(Self.floats),
        ours.count == theirs.count, let mean = metrics[key]?.mean,
        let otherMean = other.metrics[key]?.mean
      else { continue }
      differences[key] = StreamReport.Estimate(
        mean - otherMean,
        zip(ours, theirs).map { Double($0) - Double($1) }
      )
    }
    return differences
  }

  private static func floats(_ text: String) -> [Float]? {
    guard let data = Data(base64Encoded: text), data.count % 4 == 0 else { return nil }
    let bytes = Array(data)
    return stride(from: 0, to: bytes.count, by: 4).map { start in
      let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << (8 * UInt32($1)) }
      return Float(bitPattern: bits)
    }
  }
}
