import ArgumentParser
import Diffusion
import Foundation
import Matching
import Network
import Pipeline

/// Says which clicks of a session a suggested item rests on.
struct Explain: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say which clicks of a session its suggestions rest on.",
    discussion: """
      A number is what the item's score would lose without that click, under the same noise: \
      negative where the click counts against it. A worker publishes the same when \
      `suggest.because` is set.
      """
  )

  @Option(help: "The model's directory.") var model: String
  @Option(help: "The session's items, oldest first, with commas between.") var session: String
  @Option(help: "An item to explain, suggested or not; again for more. (default: the first)")
  var item: [String] = []
  @Option(help: "How many of the first suggestions are explained.") var count = 3
  @Option(help: "The seed of the noise.") var seed: UInt64 = 0

  func validate() throws {
    if !(1...100).contains(count) {
      throw ValidationError("count is \(count); it wants 1 to 100")
    }
    if clicks.isEmpty { throw ValidationError("session is empty; it wants items with commas") }
  }

  private var clicks: [String] {
    session.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
      .filter { !$0.isEmpty }
  }

  func run() throws {
    var options = RecommenderOptions()
    options.count = count
    options.seed = seed
    var recommender = try Recommender(model: try loadModel(model), options: options)
    let catalogue = recommender.catalogue
    let known = clicks.compactMap { id in catalogue.index(of: id) }.suffix(recommender.length)
    let unknown = clicks.filter { catalogue.index(of: $0) == nil }
    guard !known.isEmpty else {
      throw CommandFailure("the model knows none of the session's items: \(session)")
    }
    if !unknown.isEmpty {
      writeToStandardError("not known, left out: \(unknown.joined(separator: ", "))\n")
    }
    var explained = Explained(
      history: Array(known),
      key: NoiseKey(seed: seed, user: stableHash("explain"), position: 0),
      items: []
    )
    explained.items = try item.isEmpty ? recommender.suggested(for: explained) : asked(catalogue)
    for explanation in recommender.explain([explained])[0] {
      let score = String(format: "%.3f", explanation.score)
      say("\(catalogue.ids[Int(explanation.item)])  score \(score)")
      let width = explained.history.map { catalogue.ids[Int($0)].count }.max() ?? 0
      for (click, share) in zip(explained.history, explanation.attributions) {
        let id = catalogue.ids[Int(click)]
        let space = String(repeating: " ", count: width - id.count)
        say("  \(id)\(space)  \(String(format: "%+8.3f", share))")
      }
    }
  }

  private func asked(_ catalogue: Catalogue) throws -> [Int32] {
    try item.map { id in
      guard let index = catalogue.index(of: id) else {
        throw CommandFailure("the model does not know the item \(id)")
      }
      return index
    }
  }
}
