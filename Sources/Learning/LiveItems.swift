internal import Kernels
package import Matching

/// The items that are clicked now, as their clicks have them: what a model learns while it serves.
///
/// An item becomes live with its first lesson. One that the model knows starts from its embedding,
/// one that it has never seen from half the oracle of the first session it was clicked in. Then
/// each chunk of lessons is a step of gradient descent on the softmax cross-entropy of the clicked
/// items among all live ones, E ← E − η Σ (p − y) x̂₀ᵀ with p = softmax(x̂₀ᵀE/τ): the model's own
/// training objective, over output embeddings alone. Beside it stand two counts, which add to a
/// live item's score ⟨x̂₀, e⟩/τ: β log(1 + n(previous → item)) and γ log(1 + recent clicks).
///
/// A function of the lessons and their order alone: who has read the same has learned the same, to
/// the rounding of the machine's matrix products. Memory is bounded by ``Settings/limit``.
package struct LiveItems: Sendable {
  package struct Settings: Equatable, Sendable {
    /// Live items at most; before there would be more, the quarter that was clicked least lately is
    /// let go of.
    package var limit = 8_192
    /// Successors of an item that are counted.
    package var successors = 64
    /// Lessons of a step.
    package var chunk = 32
    /// η, by the length of an embedding.
    package var rate: Float = 0.03
    /// τ, by the mean of the embeddings' squared lengths.
    package var temperature: Float = 0.1
    /// Of the first oracle, in a new item's embedding.
    package var share: Float = 0.5
    /// β.
    package var transitionWeight: Float = 0.5
    /// γ.
    package var recencyWeight: Float = 0.2
    /// What a click counts a chunk later.
    package var fading: Float = 0.984

    package init() {}
  }

  struct Successor: Equatable, Sendable {
    var item: Int32
    var count: Int32
  }

  struct Item: Equatable, Sendable {
    let id: String
    /// Its index in the catalogue; `nil` if the model has never seen it.
    let known: Int32?
    /// Whether it has an embedding, from the model or from an oracle.
    var isPlaced: Bool
    /// Clicks, which fade.
    var recent: Float = 0
    var successors: [Successor] = []
  }

  let settings: Settings
  let catalogue: Catalogue
  /// τ.
  let temperature: Float
  var items: [Item] = []
  /// (items, d).
  var embeddings: [Float] = []
  private(set) var places: [ItemID: Int32] = [:]
  /// Lessons learned.
  package internal(set) var lessons = 0
  /// Of the chunk under way, (lessons with an oracle, d), and what was clicked.
  var oracles: [Float] = []
  var targets: [Int32] = []
  private var scratch: [Float] = []

  /// The number of items that are live.
  package var count: Int { items.count }

  package init(of catalogue: Catalogue, settings: Settings = Settings()) {
    precondition(settings.limit > 4 && settings.successors > 0 && settings.chunk > 0)
    self.settings = settings
    self.catalogue = catalogue
    temperature = settings.temperature * catalogue.meanSquare
  }

  /// Learns a lesson.
  package mutating func learn(_ lesson: Lesson) {
    let oracle = isUsable(lesson.oracle) ? lesson.oracle : []
    if items.count + 2 > settings.limit { letGo() }
    let previous = index(of: lesson.previous)
    let item = index(of: lesson.item)
    place(item, at: oracle)
    count(item, after: previous)
    items[Int(item)].recent += 1
    if !oracle.isEmpty {
      oracles += oracle
      targets.append(item)
    }
    pass()
  }

  /// Counts a lesson that nobody can read.
  package mutating func pass() {
    lessons += 1
    if lessons.isMultiple(of: settings.chunk) { step() }
  }

  /// What is ten times as long as embeddings are is no session's oracle.
  private func isUsable(_ oracle: [Float]) -> Bool {
    let square = oracle.reduce(0) { $0 + $1 * $1 }
    return oracle.count == catalogue.width && square <= 100 * catalogue.meanSquare
  }

  /// The item's number among the live ones; it becomes live if it is not.
  private mutating func index(of id: String) -> Int32 {
    if let index = places[ItemID(id)] { return index }
    let index = Int32(items.count)
    let known = catalogue.index(of: id)
    items.append(Item(id: id, known: known, isPlaced: known != nil))
    embeddings += known.map(catalogue.embedding) ?? Array(repeating: 0, count: catalogue.width)
    places[ItemID(id)] = index
    return index
  }

  /// Gives an item that nothing was known of its first embedding.
  private mutating func place(_ item: Int32, at oracle: [Float]) {
    if items[Int(item)].isPlaced || oracle.isEmpty { return }
    items[Int(item)].isPlaced = true
    let row = Int(item) * catalogue.width
    for (offset, value) in oracle.enumerated() { embeddings[row + offset] = settings.share * value }
  }

  private mutating func count(_ item: Int32, after previous: Int32) {
    var successors = items[Int(previous)].successors
    items[Int(previous)].successors = []
    if let place = successors.firstIndex(where: { $0.item == item }) {
      successors[place].count += successors[place].count == .max ? 0 : 1
    } else if successors.count < settings.successors {
      successors.append(Successor(item: item, count: 1))
    } else if let least = successors.indices.min(by: {
      successors[$0].count < successors[$1].count
    }) {
      successors[least] = Successor(item: item, count: 1)
    }
    items[Int(previous)].successors = successors
  }

  /// A step of gradient descent over the chunk's lessons.
  private mutating func step() {
    for index in items.indices { items[index].recent *= settings.fading }
    defer { (oracles, targets) = ([], []) }
    if targets.isEmpty || temperature <= 0 { return }
    let (oracles, targets, table) = (oracles, targets, embeddings)
    var scores = scratch
    scratch = []
    var gradient = [Float](repeating: 0, count: embeddings.count)
    var ofOracles = [Float](repeating: 0, count: oracles.count)
    var span = gradient.mutableSpan
    var unused = ofOracles.mutableSpan
    _ = CrossEntropy.learn(
      oracles.span,
      table: table.span,
      width: catalogue.width,
      targets: targets.span,
      scale: 1 / temperature,
      weight: 1,
      scores: &scores,
      dx: &unused,
      dtable: &span
    )
    scratch = scores
    let width = catalogue.width
    for (index, item) in items.enumerated() where !item.isPlaced {
      for place in (index * width)..<((index + 1) * width) { span[place] = 0 }
    }
    let rate = -settings.rate * temperature
    var learned = embeddings.mutableSpan
    Lanes.add(span.span, times: rate, to: &learned)
  }

  /// Lets go of the quarter that was clicked least lately, those that came last first.
  private mutating func letGo() {
    let order = items.indices.sorted { (items[$1].recent, $0) < (items[$0].recent, $1) }
    let kept = order.prefix(items.count - settings.limit / 4).sorted()
    var moved: [Int32: Int32] = [:]
    for (place, index) in kept.enumerated() { moved[Int32(index)] = Int32(place) }
    let width = catalogue.width
    embeddings = kept.flatMap { embeddings[($0 * width)..<(($0 + 1) * width)] }
    items = kept.map { index in
      var item = items[index]
      item.successors = item.successors.compactMap { successor in
        moved[successor.item].map { Successor(item: $0, count: successor.count) }
      }
      return item
    }
    let chunk = targets.indices.filter { moved[targets[$0]] != nil }
    oracles = chunk.flatMap { oracles[($0 * width)..<(($0 + 1) * width)] }
    targets = chunk.compactMap { moved[targets[$0]] }
    number()
  }

  /// Numbers the items anew.
  mutating func number() {
    places = [:]
    places.reserveCapacity(items.count)
    for (index, item) in items.enumerated() { places[ItemID(item.id)] = Int32(index) }
  }
}
