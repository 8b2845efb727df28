/// What one training step learns from: B examples, and everything that is drawn by chance.
package struct TrainingBatch: Equatable, Sendable {
  /// Clicks before each target, oldest first, padded on the right with anything; (B, L).
  package var histories: [Int32]
  /// How many of the L are clicks, 0 to L; (B).
  package var lengths: [Int32]
  /// The items to predict; (B).
  package var targets: [Int32]
  /// The step t of the noise that each target is given; (B).
  package var steps: [Int32]
  /// Whether the estimate is told the history, or ∅ in its place; (B).
  package var keepsCondition: [Bool]
  /// Standard normals ε; (B, d).
  package var noise: [Float]
  /// Seeds the dropout of the encoder; nil for none.
  package var dropoutSeed: UInt64?
  /// The chance that dropout zeroes a number; the published model's is a tenth, everywhere.
  package var dropout: Float

  package var count: Int { targets.count }

  package init(
    histories: [Int32],
    lengths: [Int32],
    targets: [Int32],
    steps: [Int32],
    keepsCondition: [Bool],
    noise: [Float],
    dropoutSeed: UInt64? = nil,
    dropout: Float = 0.1
  ) {
    self.histories = histories
    self.lengths = lengths
    self.targets = targets
    self.steps = steps
    self.keepsCondition = keepsCondition
    self.noise = noise
    self.dropoutSeed = dropoutSeed
    self.dropout = dropout
  }
}
