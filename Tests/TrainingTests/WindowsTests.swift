import Autodiff
import Kernels
import Network
import Testing

@testable import Training

@Suite("Windows")
struct WindowsTests {
  static func dataset(_ sequences: [String], length: Int) throws -> Dataset {
    var options = Dataset.Options()
    options.length = length
    let later = try DatasetTests.log(["0 1"])
    return try Dataset(try DatasetTests.log(sequences), later: later, options: options)
  }

  /// The windows as words: the clicks that are read, and after `→` those that are predicted.
  static func words(_ sequences: [String], length: Int) throws -> [String] {
    let dataset = try dataset(sequences, length: length)
    let windows = Windows(dataset.training, length: length)
    func ids(_ items: ArraySlice<Int32>) -> [String] { items.map { dataset.items.ids[Int($0)] } }
    return windows.windows.map { window in
      (ids(windows.items[window.clicks]) + ["→"] + ids(windows.items[window.targets]))
        .joined(separator: " ")
    }
  }

  @Test("a short sequence is one window, in which each click but the first is predicted")
  func short() throws {
    #expect(try Self.words(["0 1 2 3"], length: 5) == ["0 1 2 → 1 2 3"])
    #expect(try Self.words(["0 1 2 3"], length: 3) == ["0 1 2 → 1 2 3"])
  }

  @Test("a long one is cut from its end, and every example is in one window")
  func long() throws {
    let words = try Self.words(["0 1 2 3 4 5 6 7"], length: 3)
    #expect(words == ["4 5 6 → 5 6 7", "1 2 3 → 2 3 4", "0 → 1"])
  }

  @Test("sequences do not run into each other, and a lone click predicts nothing")
  func several() throws {
    #expect(try Self.words(["0 1", "2", "3 4 5"], length: 9) == ["0 → 1", "3 4 → 4 5"])
  }

  @Test("what another part predicts is read, and not learned")
  func parts() throws {
    let words = try Self.words(["0:train 1:train 2:test 3:train 4:train", "2:train"], length: 9)
    #expect(words == ["0 → 1", "0 1 2 3 → 3 4"])
  }

  @Test("an epoch's batches hold every example once, and are functions of seed and place")
  func batches() throws {
    let dataset = try Self.dataset((0..<9).map { "\($0) 1 2 3 \($0) 4 2" }, length: 4)
    let windows = Windows(dataset.training, length: 4)
    var settings = World.settings(.residual) { $0.batch = 10 }
    settings.objective.candidates = 5
    var batches = SequenceBatches(windows, settings: settings, items: 9, width: 4)
    var seen = 0
    for index in 0..<batches.count(epoch: 1) {
      let parts = batches.batch(index, epoch: 1, parts: 2)
      for part in parts {
        seen += part.targets.count
        #expect(part.noise.count == 4 * part.targets.count && part.candidates.count == 5)
        #expect(zip(part.targets, part.negatives).allSatisfy { $0 != $1 })
        #expect(part.lengths.reduce(0, +) == Int32(part.clicks.count))
      }
      var fresh = SequenceBatches(windows, settings: settings, items: 9, width: 4)
      #expect(fresh.batch(index, epoch: 1, parts: 2) == parts)
      #expect(fresh.batch(index, epoch: 2, parts: 2) != parts)
    }
    #expect(seen == windows.targets)
  }

  @Test("what was seen is masked: a window's clicks so far, as rows of the candidates")
  func masked() {
    var batch = SequenceBatch()
    batch.clicks = [5, 2, 7, 4, 5]
    batch.lengths = [3, 2]
    batch.rows = [1, 2, 3]
    batch.targets = [7, 1, 5]
    #expect(batch.histories == [0..<2, 0..<3, 3..<4])
    func mask() -> (seen: [[Float]], of: [Float]) {
      var tape = Tape(parameters: 0)
      tape.begin([])
      // Item i is the number i.
      let table = tape.constant((0..<9).map(Float.init), width: 1)
      let items = Candidates(batch, table, of: 9, excludesSeen: true, on: &tape)
      let rows = tape.value(items.table)
      let seen = items.mask.map { mask in
        mask.ranges.map { mask.items[$0].filter { $0 >= 0 }.map { rows[Int($0)] } }
      }
      return (seen ?? [], items.targets.map { rows[Int($0)] })
    }
    #expect(mask() == ([[5, 2], [5, 2, 7], [4]], [7, 1, 5]))
    // Of those that were drawn or are targets; 2 and 4 are neither.
    batch.candidates = [8, 5, 0]
    #expect(mask() == ([[5], [5, 7], []], [7, 1, 5]))
  }

  @Test("a bias above 1 draws steps towards pure noise, and all steps stay in range")
  func bias() {
    var objective = Objective()
    let steps = (0..<8).map { objective.step(Float($0) / 8, of: 8) }
    #expect(steps == [7, 7, 6, 5, 4, 3, 2, 1])
    objective.noiseBias = 3
    #expect(objective.step(0.5, of: 1000) == 875)
    #expect(objective.step(0, of: 1000) == 999 && objective.step(0.99999, of: 1000) == 0)
  }
}
