internal import Evaluation
package import Files
internal import Foundation

/// How many events a second a worker carried, by the partitions of its topic: `deploy/bench`
/// measures it, for it takes a broker and Redis.
package struct WorkerRates: Equatable, Sendable {
  struct Rate: Codable, Equatable, Sendable {
    var partitions: Int
    var pipelines: Int
    var eventsPerSecond: Double
  }

  let rates: [Rate]

  /// Reads a file of JSON, a line for each rate.
  package init(path: String) throws(FileFailure) {
    var reader = try LineReader(path: path)
    var rates: [Rate] = []
    while let line = try reader.next() {
      guard let rate = try? JSONDecoder().decode(Rate.self, from: Data(line)),
        rate.partitions > 0, rate.pipelines > 0, rate.eventsPerSecond > 0
      else {
        throw FileFailure(
          path: path,
          line: reader.line,
          reason: """
            it is not what `deploy/bench --curves` writes, all above 0: {"partitions": 4, \
            "pipelines": 1, "eventsPerSecond": 9876.5}
            """
        )
      }
      rates.append(rate)
    }
    if rates.isEmpty { throw FileFailure(path: path, reason: "it is empty: nothing to draw") }
    self.rates = rates
  }

  /// Draws `partitions.svg` into a folder that is made, a line for each number of pipelines.
  package func write(to folder: String) throws(FileFailure) {
    try WholeDirectory.make(folder)
    let groups = Dictionary(grouping: rates, by: \.pipelines).sorted { $0.key < $1.key }
    let plot = Plot(
      title: "A worker, by partitions of its topic",
      x: .init(label: "partitions", scale: .log2),
      y: .init(label: "events a second", hasZero: true),
      series: groups.map { pipelines, rates in
        Plot.Series(
          name: pipelines == 1 ? "1 pipeline" : "\(pipelines) pipelines",
          points: rates.sorted { $0.partitions < $1.partitions }
            .map { Plot.Point(x: Double($0.partitions), y: $0.eventsPerSecond) }
        )
      }
    )
    try plot.write("partitions", to: folder)
  }
}
