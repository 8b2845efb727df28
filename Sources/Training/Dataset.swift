import Files
package import Network

/// A catalogue, the examples to learn from, and later ones to judge by.
package struct Dataset: Sendable {
  /// What to take from the clicks.
  package struct Options: Equatable, Sendable {
    /// Clicks of a history at most, L.
    package var length = 10
    /// The part that trains, where the file has parts.
    package var part = "train"
    /// The part that validates; nil takes `val`, `valid` or `validation` if the file has one.
    package var validationPart: String?
    /// Whether the first click of a sequence is predicted too, from nothing.
    package var emptyHistories = false
    /// Whether items that occur only in validation are in the catalogue, untrained.
    ///
    /// Published protocols have it so. It flatters a model whose untrained items rank first.
    package var wholeCatalogue = false
    /// The last share of the examples, by time, that validates where nothing else is said.
    package var heldOut = 0.1

    package init() {}
  }

  /// By clicks, most first, then by id: an index tells a popular item from a rare one.
  package let items: ItemTable
  package let training: Examples
  package let validation: Examples

  /// A hash of the catalogue and all examples: what training is a function of, besides settings.
  var fingerprint: String {
    let ids = items.ids.joined(separator: "\n")
    return SHA256.hex(Array("\(ids)\n\(training.fingerprint)\n\(validation.fingerprint)".utf8))
  }

  /// Makes the examples of `log`, validated by `later` or by a part or the end of `log`.
  ///
  /// An example belongs to the part of its target; its history is what came before in the sequence.
  /// The catalogue is what occurs in the training examples: other items are left out of histories,
  /// and as a target they can only be missed. (Unless the options want the whole catalogue.)
  package init(
    _ log: ClickLog,
    later: ClickLog? = nil,
    options: Options = Options(),
  ) throws(TrainingFailure) {
    var training = log.targets(emptyHistories: options.emptyHistories)
    var validation: [Int] = []
    if !log.parts.isEmpty {
      let (all, names) = (training, log.partNames)
      guard let part = log.part(options.part) else {
        throw TrainingFailure("there is no part \(options.part) among \(names.sorted())")
      }
      training = all.filter { log.parts[$0] == part }
      if let later = try Self.validationPart(log, options: options), later != part {
        validation = all.filter { log.parts[$0] == later }
      }
    } else if let part = options.validationPart {
      throw TrainingFailure("there is no part \(part): the file has no column `split`")
    }
    if later == nil, validation.isEmpty {
      (training, validation) = Self.split(training, of: log, share: options.heldOut)
    }
    guard !training.isEmpty else { throw Self.tooSmall("no example to train on", options) }

    var items = Self.catalogue(log, targets: training, length: options.length)
    if options.wholeCatalogue { items = Self.extended(items, by: [log.names, later?.names ?? []]) }
    self.items = items
    guard items.ids.count > 1 else { throw Self.tooSmall("fewer than two items", options) }
    let catalogue = Self.indices(of: log, in: items)
    self.training = Examples(
      log,
      positions: training,
      catalogue: catalogue,
      length: options.length,
    )
    if let later {
      self.validation = try Self.examples(later, items: items, options: options)
    } else {
      self.validation = Examples(
        log,
        positions: validation,
        catalogue: catalogue,
        length: options.length,
      )
    }
    guard self.validation.count > self.validation.unknownTargets else {
      throw Self.tooSmall("no example to validate on", options)
    }
  }

  /// The examples of another file by an existing catalogue: of its validating part, or all of them.
  package static func examples(
    _ log: ClickLog,
    items: ItemTable,
    options: Options,
  ) throws(TrainingFailure) -> Examples {
    var positions = log.targets(emptyHistories: options.emptyHistories)
    if let part = try validationPart(log, options: options) {
      positions = positions.filter { log.parts[$0] == part }
    }
    guard !positions.isEmpty else { throw tooSmall("no example", options) }
    let catalogue = indices(of: log, in: items)
    return Examples(log, positions: positions, catalogue: catalogue, length: options.length)
  }

  /// The examples of a log that training on it does not learn: those of the part that validates, or
  /// where there are no parts the last share.
  package static func heldOut(
    of log: ClickLog,
    items: ItemTable,
    options: Options
  ) throws(TrainingFailure) -> Examples {
    let part = try validationPart(log, options: options)
    guard log.parts.isEmpty || part != nil else {
      throw TrainingFailure(
        """
        none of the parts \(log.partNames.sorted()) is to validate by: name one that training \
        did not learn
        """
      )
    }
    return try examples(try log.holdingOut(options), items: items, options: options)
  }

  /// The catalogue index of each item of the log, or −1.
  private static func indices(of log: ClickLog, in items: ItemTable) -> [Int32] {
    let indices = Dictionary(
      uniqueKeysWithValues: items.ids.enumerated().map { ($1, Int32($0)) }
    )
    return log.names.map { indices[$0] ?? -1 }
  }

  static func validationPart(
    _ log: ClickLog,
    options: Options
  ) throws(TrainingFailure) -> UInt8? {
    if let name = options.validationPart {
      guard let part = log.part(name) else {
        throw TrainingFailure("there is no part \(name) among \(log.partNames.sorted())")
      }
      return part
    }
    return ["val", "valid", "validation"].lazy.compactMap { log.part($0) }.first
  }

  /// Parts the examples into earlier and later ones, by their targets' times or by their order.
  static func split(
    _ positions: [Int],
    of log: ClickLog,
    share: Double
  ) -> (earlier: [Int], later: [Int]) {
    var inOrder = positions
    if !log.timesMs.isEmpty {
      inOrder.sort { (log.timesMs[$0], $0) < (log.timesMs[$1], $1) }
    }
    let held = Int((Double(positions.count) * share).rounded(.up))
    return (Array(inOrder.dropLast(held)), Array(inOrder.suffix(held)))
  }

  /// The items of the training examples and how often each was clicked there.
  ///
  /// Every click counts once, however many histories it is in. (A row repeats the clicks of the
  /// rows before it, so of rows only targets count.)
  private static func catalogue(_ log: ClickLog, targets: [Int], length: Int) -> ItemTable {
    let starts = log.starts()
    var used = [Bool](repeating: false, count: log.items.count)
    var clicks = [Int](repeating: 0, count: log.names.count)
    var occurs = [Bool](repeating: false, count: log.names.count)
    for target in targets {
      for position in max(starts[target], target - length)...target {
        let item = Int(log.items[position])
        occurs[item] = true
        if !used[position], !log.isRows || position == target { clicks[item] += 1 }
        used[position] = true
      }
    }
    let inOrder = log.names.indices.filter { occurs[$0] }
      .sorted { (-clicks[$0], log.names[$0]) < (-clicks[$1], log.names[$1]) }
    return ItemTable(ids: inOrder.map { log.names[$0] }, clicks: inOrder.map { clicks[$0] })
  }

  /// The catalogue with all items of these lists, those that are new at the end, by id.
  private static func extended(_ items: ItemTable, by lists: [[String]]) -> ItemTable {
    let new = Set(lists.joined()).subtracting(items.ids).sorted()
    return ItemTable(ids: items.ids + new, clicks: items.clicks + new.map { _ in 0 })
  }

  private static func tooSmall(_ what: String, _ options: Options) -> TrainingFailure {
    TrainingFailure(
      """
      the clicks give \(what): an example is a click and at least one click before it \
      \(options.emptyHistories ? "or none " : "")by the same user or session
      """
    )
  }
}
