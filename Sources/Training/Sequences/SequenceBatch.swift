import Diffusion

/// Windows that are learned together, and what is drawn for them.
struct SequenceBatch: Equatable, Sendable {
  /// The clicks that are read, window after window: catalogue indices.
  var clicks: [Int32] = []
  /// Clicks of each window.
  var lengths: [Int32] = []
  /// The rows of `clicks` from which something is predicted, and what: the example's target.
  var rows: [Int32] = []
  var targets: [Int32] = []
  /// For each example a step t, whether it keeps its condition, an item that is not its target,
  /// and noise, (examples, d).
  var steps: [Int32] = []
  var keepsCondition: [Bool] = []
  var negatives: [Int32] = []
  var noise: [Float] = []
  /// Items drawn for all examples of the batch to be told apart from; none for all there are.
  var candidates: [Int32] = []
  var dropoutSeed: UInt64 = 0

  /// For each example the clicks of its window up to the row it is predicted from.
  var histories: [Range<Int>] {
    var starts: [Int] = []
    for length in lengths { starts += repeatElement(starts.count, count: Int(length)) }
    return rows.map { starts[Int($0)]..<(Int($0) + 1) }
  }

  /// Where in its window each click lies.
  var positions: [Int32] { lengths.flatMap { 0..<$0 } }
}

/// Cuts the windows of an epoch into batches, each a function of (seed, epoch, batch).
struct SequenceBatches: Sendable {
  let windows: Windows
  let settings: Loop.Settings
  let items: Int
  let width: Int
  /// The epoch that ``order`` is of, and where its batches begin in it.
  private var shuffled = -1
  private var order: [Int] = []
  private var starts: [Int] = []

  init(_ windows: Windows, settings: Loop.Settings, items: Int, width: Int) {
    self.windows = windows
    self.settings = settings
    self.items = items
    self.width = width
  }

  /// Batches of an epoch.
  mutating func count(epoch: Int) -> Int {
    shuffle(epoch)
    return starts.count - 1
  }

  /// Each batch takes windows until it has the settings' number of examples.
  private mutating func shuffle(_ epoch: Int) {
    if shuffled == epoch { return }
    var generator = StreamGenerator(seed: settings.seed, .shuffle, epoch: epoch)
    order = Array(windows.windows.indices)
    order.shuffle(using: &generator)
    shuffled = epoch
    starts = [0]
    var examples = 0
    for (i, window) in order.enumerated() {
      examples += windows.windows[window].targets.count
      if examples >= settings.batch || i + 1 == order.count {
        starts.append(i + 1)
        examples = 0
      }
    }
  }

  /// Batch `batch` of epoch `epoch`, both from 0, in so many parts of about the same size.
  mutating func batch(_ batch: Int, epoch: Int, parts: Int) -> [SequenceBatch] {
    shuffle(epoch)
    let members = order[starts[batch]..<starts[batch + 1]]
    var generator = StreamGenerator(seed: settings.seed, .noise, epoch: epoch, batch: batch)
    var dropout = StreamGenerator(seed: settings.seed, .dropout, epoch: epoch, batch: batch)
    var result = [SequenceBatch](repeating: SequenceBatch(), count: parts)
    for member in members {
      let part = result.indices.min { result[$0].clicks.count < result[$1].clicks.count } ?? 0
      append(windows.windows[member], to: &result[part], &generator)
    }
    for part in result.indices {
      result[part].dropoutSeed = dropout.next()
      result[part].noise = [Float](repeating: 0, count: result[part].targets.count * width)
      var normals = result[part].noise.mutableSpan
      let key = NoiseKey(
        seed: settings.seed,
        user: stableHash("sequence noise \(part)"),
        position: UInt64(epoch) << 32 | UInt64(batch)
      )
      Noise.fill(&normals, key: key, draw: 0)
      result[part].candidates = (0..<settings.objective.candidates).map { _ in
        Int32.random(in: 0..<Int32(items), using: &generator)
      }
    }
    return result.filter { !$0.targets.isEmpty }
  }

  private func append(
    _ window: Window,
    to batch: inout SequenceBatch,
    _ generator: inout StreamGenerator
  ) {
    let row = batch.clicks.count
    batch.clicks += windows.items[window.clicks]
    batch.lengths.append(Int32(window.clicks.count))
    for target in window.targets {
      batch.rows.append(Int32(row + target - window.clicks.lowerBound - 1))
      batch.targets.append(windows.items[target])
      let share = Float.random(in: 0..<1, using: &generator)
      batch.steps.append(settings.objective.step(share, of: settings.schedule.steps))
      batch.keepsCondition.append(
        Float.random(in: 0..<1, using: &generator) >= settings.conditionDropout
      )
      let other = Int32.random(in: 0..<Int32(max(1, items - 1)), using: &generator)
      batch.negatives.append(other < windows.items[target] ? other : other + 1)
    }
  }
}
