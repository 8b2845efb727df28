internal import Diffusion
package import Learning
package import Matching
package import Network

/// What a recommender is told.
package struct RecommenderOptions: Sendable {
  /// `nil`: what the model's manifest says, with ``steps`` and the stopping rule for `ddim`.
  package var sampler: Manifest.Serving.Sampler?
  /// Denoising steps of `ddim`; `nil` for what the manifest says.
  package var steps: Int?
  /// w; `nil` for what the manifest says.
  package var guidance: Float?
  package var seed: UInt64 = 0
  /// The estimate stands still when it changes by less, relatively; 0 is never, `nil` for what the
  /// manifest says of its own sampler and steps.
  package var relativeChange: Float?
  /// For how many steps it must stand still; `nil` for what the manifest says.
  package var patience: Int?
  /// Milliseconds from the batch's start in which its denoising should end; `nil` for no limit.
  package var deadlineMs: Int64?
  /// Items of a suggestion.
  package var count = 20
  package var excludesSeen = false
  package var includesOracle = false
  /// Clicks that each item of a suggestion says it rests on; 0 for none.
  package var causes = 0
  /// The only items that may be suggested; `nil` for all.
  package var allowed: Set<String>?
  package var denied: Set<String> = []
  /// Whether clicks become lessons.
  package var learns = false

  package init() {}
}

/// Why a model cannot be served as asked.
package struct RecommenderFailure: Error, Equatable, Sendable, CustomStringConvertible {
  package let reason: String

  package init(reason: String) { self.reason = reason }

  package var description: String { reason }
}

/// A model, ready to answer batches: encode, denoise, match.
///
/// A row's answer has the same bits alone and in a batch of any size.
package struct Recommender: Sendable {
  /// Why popular items stand in for generated ones.
  package static let noKnownItem = "no-known-item"
  package static let notFinite = "not-finite"

  package let manifest: Manifest
  package let options: RecommenderOptions
  /// w, the guidance scale.
  package let guidance: Float
  package let catalogue: Catalogue
  /// Items that may be suggested at all; `nil` for all.
  private let filter: ItemFilter?
  private var matcher = Matcher()
  /// What was learned since, if anything was.
  private var live: LiveMatcher?
  private var encoder: SequenceEncoder
  /// Of the last batch: its memory is the next one's.
  private var conditions: [Float] = []
  private var walk: Walk

  /// Clicks the encoder reads, L.
  package var length: Int { manifest.shape.length }

  package init(model: Model, options: RecommenderOptions) throws(RecommenderFailure) {
    manifest = model.manifest
    self.options = options
    let serving = model.manifest.serving.overridden(
      sampler: options.sampler,
      steps: options.steps,
      guidance: options.guidance,
      relativeChange: options.relativeChange,
      patience: options.patience
    )
    guidance = serving.guidance
    let width = model.manifest.shape.width
    let table = model.weights.range(.items)
    let items = table.lowerBound..<(table.upperBound - width)  // without the padding row
    do throws(MatchingFailure) {
      catalogue = try Catalogue(
        model.items.index,
        embeddings: model.weights.values[items],
        width: width,
        counts: model.items.clicks,
      )
    } catch {
      throw RecommenderFailure(reason: error.reason)
    }
    filter = ItemFilter(catalogue, options)
    encoder = SequenceEncoder(model.weights)
    let denoiser = model.manifest.shape.denoiser
    if serving.sampler == .folded, denoiser != .linear {
      throw RecommenderFailure(
        reason: "generate.sampler is folded, which wants a linear denoiser; "
          + "this model's is \(denoiser.rawValue)"
      )
    }
    do throws(DiffusionFailure) {
      walk = try Walk(
        model.weights,
        schedule: model.manifest.schedule,
        serving: serving,
        rule: serving.rule
      )
    } catch {
      throw RecommenderFailure(reason: error.reason)
    }
  }

  /// h of each session, (rows, d).
  mutating func encode(history: [Int32], lengths: [Int32]) -> [Float] {
    let count = lengths.count * manifest.shape.width
    var conditions: [Float] = []
    swap(&conditions, &self.conditions)
    defer { self.conditions = conditions }
    conditions.removeAll(keepingCapacity: true)
    conditions.append(contentsOf: repeatElement(0, count: count))
    var span = conditions.mutableSpan
    encoder.encode(items: history.span, lengths: lengths.span, into: &span)
    return conditions
  }

  /// x̂₀ of each row, and how it came to be.
  mutating func denoise(
    conditions: [Float],
    keys: [NoiseKey],
    deadlinesNs: [UInt64],
    nowNs: @escaping () -> UInt64
  ) -> Generated {
    let deadlines = deadlinesNs.isEmpty ? nil : Deadlines(timesNs: deadlinesNs, nowNs: nowNs)
    let (oracles, outcomes) = walk.generate(conditions, keys: keys, deadlines: deadlines)
    return Generated(width: manifest.shape.width, oracles: oracles, outcomes: outcomes)
  }

  /// Suggests by what was learned from now on.
  package mutating func follow(_ table: LiveTable) {
    live = LiveMatcher(table, filter: filter) { [options] id in
      options.allowed?.contains(id) != false && !options.denied.contains(id)
    }
  }

  /// Finds the items nearest to each of the `oracles`, (rows, d), or best for it by what was
  /// learned since: ``matches(_:)`` then gives them row by row.
  mutating func match(_ oracles: Span<Float>, after previous: [String], seen: [[Int32]]) {
    if live == nil {
      matcher.match(oracles, with: catalogue, k: options.count, seen: seen, filter: filter)
    } else {
      live?.match(oracles, after: previous, with: catalogue, k: options.count, seen: seen)
    }
  }

  /// A row's items of the last ``match(_:after:seen:)``, best first.
  func matches(_ row: Int) -> ArraySlice<Match> { live?[row] ?? matcher[row] }

  /// The lessons that suggestions rest on; `nil` if nothing is learned.
  var lessons: Int? { options.learns ? live?.table.lessons ?? 0 : nil }

  /// What is clicked after an item, and lately, best first; none while too little is known.
  func recent(after previous: String, seen: [Int32]) -> [Match] {
    live?.recent(after: previous, k: options.count, seen: seen) ?? []
  }

  /// The number of an item that may be suggested; `nil` if there is none.
  func index(of id: String) -> Int32? { catalogue.index(of: id) ?? live?.table.index(of: id) }

  /// What items are called.
  var names: Names { Names(ids: catalogue.ids, live: live?.table) }

  /// The embedding that an item is matched by, (d).
  func embedding(of item: Int32) -> [Float] {
    live?.table.embedding(of: names[item]) ?? catalogue.embedding(of: item)
  }

  /// The most clicked items, best first.
  func popular(seen: [Int32]) -> [Match] {
    catalogue.mostPopular(options.count, seen: seen, filter: filter)
  }
}

extension ItemFilter {
  /// What the options allow and do not deny; `nil` when that is everything.
  fileprivate init?(_ catalogue: Catalogue, _ options: RecommenderOptions) {
    if options.allowed == nil, options.denied.isEmpty { return nil }
    self.init(
      count: catalogue.count,
      allow: options.allowed?.compactMap { catalogue.index(of: $0) },
      deny: options.denied.compactMap { catalogue.index(of: $0) },
    )
  }
}

/// What items are called, apart from a recommender: that is large, and whoever asks it for one item
/// after the other copies it for each.
struct Names {
  fileprivate let ids: [String]
  fileprivate let live: LiveTable?

  subscript(item: Int32) -> String {
    item < ids.count ? ids[Int(item)] : live?.id(of: item) ?? ""
  }
}

/// What denoising gave for a batch.
struct Generated {
  let width: Int
  /// x̂₀ of each row, (rows, d).
  var oracles: [Float] = []
  var outcomes: [Outcome] = []

  func oracle(_ row: Int) -> ArraySlice<Float> { oracles[(row * width)..<((row + 1) * width)] }

  func isFinite(_ row: Int) -> Bool { oracle(row).allSatisfy(\.isFinite) }
}
