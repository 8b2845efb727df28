import Foundation
import Events
import Matching

@testable import Learning

/// Six items of width 4, and lessons on them and on three that are new.
enum Stream {
  static let width = 4

  static func catalogue(_ items: Int = 6) throws -> Catalogue {
    let embeddings = (0..<(items * width)).map { (number: Int) -> Float in
      Float((number * 7 + 3) % 11) / 5 - 1
    }
    return try Catalogue(
      ItemIndex((0..<items).map { "i\($0)" }),
      embeddings: embeddings[...],
      width: width,
      counts: Array(repeating: 1, count: items)
    )
  }

  /// A repeatable choice below `bound`.
  static func draw(_ number: Int, _ bound: Int) -> Int {
    let mixed: Int = number * (31 * number + 17)
    return mixed % 1_009 % bound
  }

  static func lesson(_ number: Int, items: Int = 9) -> Lesson {
    let oracle = (0..<width).map { (place: Int) -> Float in
      Float(draw(number * 5 + place, 21)) / 10 - 1
    }
    return Lesson(
      position: Position(topic: "t", partition: 0, offset: Int64(number)),
      oracle: number % 6 == 5 ? [] : oracle,
      previous: "i\(draw(number + 1, items))",
      item: "i\(draw(number + 2, items))"
    )
  }

  static func lessons(_ count: Int, items: Int = 9) -> [Lesson] {
    (0..<count).map { lesson($0, items: items) }
  }

  static var settings: LiveItems.Settings {
    var settings = LiveItems.Settings()
    settings.chunk = 8
    return settings
  }
}

/// What ``LiveItems`` learns, as its documentation says it, in double precision and item by item.
struct NaiveLive {
  let settings: LiveItems.Settings
  let catalogue: Catalogue
  let tau: Double
  var embeddings: [String: [Double]] = [:]
  var recent: [String: Double] = [:]
  var transitions: [String: [String: Int]] = [:]
  private var chunk: [(oracle: [Double], item: String)] = []
  private var lessons = 0

  init(_ catalogue: Catalogue, _ settings: LiveItems.Settings) {
    self.settings = settings
    self.catalogue = catalogue
    let squares = (0..<catalogue.count).map { item in
      catalogue.embedding(of: Int32(item)).reduce(0) { $0 + Double($1) * Double($1) }
    }
    tau = Double(settings.temperature) * squares.reduce(0, +) / Double(catalogue.count)
  }

  mutating func learn(_ lesson: Lesson) {
    let oracle = lesson.oracle.map(Double.init)
    for id in [lesson.previous, lesson.item] where embeddings[id] == nil {
      embeddings[id] =
        catalogue.index(of: id).map { catalogue.embedding(of: $0).map(Double.init) } ?? []
      recent[id] = 0
    }
    if embeddings[lesson.item] == [], !oracle.isEmpty {
      embeddings[lesson.item] = oracle.map { $0 * Double(settings.share) }
    }
    transitions[lesson.previous, default: [:]][lesson.item, default: 0] += 1
    recent[lesson.item, default: 0] += 1
    if !oracle.isEmpty { chunk.append((oracle, lesson.item)) }
    lessons += 1
    if lessons.isMultiple(of: settings.chunk) { step() }
  }

  private mutating func step() {
    var gradient: [String: [Double]] = [:]
    for (oracle, clicked) in chunk {
      let powers = embeddings.mapValues { exp(dot($0, oracle) / tau) }
      let sum = powers.values.reduce(0, +)
      for (id, power) in powers {
        let error = power / sum - (id == clicked ? 1 : 0)
        let before = gradient[id] ?? Array(repeating: 0, count: oracle.count)
        gradient[id] = zip(before, oracle).map { $0 + error * $1 }
      }
    }
    // What nothing is known of stays where it is.
    for (id, gradient) in gradient where embeddings[id] != [] {
      embeddings[id] = zip(embeddings[id] ?? [], gradient)
        .map { $0 - Double(settings.rate) * $1 }
    }
    chunk = []
    recent = recent.mapValues { $0 * Double(settings.fading) }
  }

  func score(_ id: String, _ oracle: [Float], after previous: String) -> Double {
    let product = dot(embeddings[id] ?? [], oracle.map(Double.init))
    let count = Double(transitions[previous]?[id] ?? 0)
    return product
      + tau * Double(settings.transitionWeight) * log(1 + count)
      + tau * Double(settings.recencyWeight) * log(1 + (recent[id] ?? 0))
  }

  private func dot(_ a: [Double], _ b: [Double]) -> Double {
    zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
  }
}
