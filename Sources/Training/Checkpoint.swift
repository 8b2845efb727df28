package import Network

/// Training as it stood between two batches: what is needed to go on as if it had never stopped.
package struct Checkpoint: Equatable, Sendable {
  /// The best weights so far, by the metric that the settings name.
  package struct Best: Equatable, Sendable {
    package var weights: Weights
    /// The epoch, counted from 1, that they are of.
    package var epoch: Int
    /// What validation measured for them, by name.
    package var metrics: [String: Double]
  }

  package var weights: Weights
  /// AdamW's running means of the gradients and of their squares.
  package var firstMoment: [Float]
  package var secondMoment: [Float]
  /// The running mean of the weights; empty where the settings want none.
  package var averaged: [Float] = []
  /// Updates made, as AdamW's bias correction counts them.
  package var updates = 0
  /// Complete epochs.
  package var epoch = 0
  /// Batches of the next epoch that are done.
  package var batch = 0
  /// Loss of the unfinished epoch, summed over its examples so far.
  package var lossSum = 0.0
  package var best: Best?
  /// What the run was asked for, by name; another run may not go on from here.
  package var settings: [String: String]

  static let format = "dreamstream-checkpoint-1"

  /// The state before the first batch.
  init(weights: Weights, settings: [String: String]) {
    self.weights = weights
    firstMoment = [Float](repeating: 0, count: weights.values.count)
    secondMoment = firstMoment
    self.settings = settings
  }

  /// The file's bytes: safetensors, with one block per kind of value.
  package func encoded() -> [UInt8] {
    var metadata = [
      "format": Self.format,
      "updates": "\(updates)",
      "epoch": "\(epoch)",
      "batch": "\(batch)",
      "loss_sum": "\(lossSum)",
    ]
    for (name, value) in settings { metadata["settings.\(name)"] = value }
    var blocks = [
      ("weights", weights.values), ("first_moment", firstMoment), ("second_moment", secondMoment),
    ]
    if !averaged.isEmpty { blocks.append(("averaged", averaged)) }
    if let best {
      blocks.append(("best", best.weights.values))
      metadata["best_epoch"] = "\(best.epoch)"
      for (name, value) in best.metrics { metadata["best.\(name)"] = "\(value)" }
    }
    return Safetensors.encode(blocks.map { ($0, [$1.count], $1[...]) }, metadata: metadata)
  }

  /// Reads a checkpoint of a run with this shape and these settings, and refuses any other.
  package init(
    _ content: [UInt8],
    file: String,
    shape: Shape,
    settings: [String: String],
  ) throws(NetworkFailure) {
    let tensors = try Safetensors(content, file: file)
    let metadata = tensors.metadata
    func check(_ field: String, _ expected: String, _ found: String?) throws(NetworkFailure) {
      if expected == found { return }
      throw NetworkFailure(file, field: field, expected: expected, found: found ?? "nothing")
    }
    try check("format", Self.format, metadata["format"])
    for (name, value) in settings.sorted(by: { $0.key < $1.key }) {
      try check(name, value, metadata["settings.\(name)"])
    }
    func number<Number: LosslessStringConvertible>(
      _ field: String
    ) throws(NetworkFailure) -> Number {
      guard let number = metadata[field].flatMap({ Number($0) }) else {
        throw NetworkFailure(
          file,
          field: field,
          expected: "a number",
          found: metadata[field] ?? "nothing"
        )
      }
      return number
    }
    func count(_ field: String) throws(NetworkFailure) -> Int {
      let value: Int = try number(field)
      guard value >= 0 else {
        throw NetworkFailure(file, field: field, expected: "0 or more", found: "\(value)")
      }
      return value
    }
    self.init(weights: Weights(shape: shape), settings: settings)
    let size = weights.values.count
    func block(_ name: String) throws(NetworkFailure) -> [Float] {
      let values = try tensors.floats(name)
      try check("size of \(name)", "\(size)", "\(values.count)")
      return values
    }
    weights.values = try block("weights")
    try weights.refuseNonFinite(in: file)
    firstMoment = try block("first_moment")
    secondMoment = try block("second_moment")
    if tensors.entries["averaged"] != nil { averaged = try block("averaged") }
    updates = try count("updates")
    epoch = try count("epoch")
    batch = try count("batch")
    lossSum = try number("loss_sum")
    if tensors.entries["best"] != nil {
      var weights = Weights(shape: shape)
      weights.values = try block("best")
      try weights.refuseNonFinite(in: file)
      var metrics: [String: Double] = [:]
      for field in metadata.keys where field.hasPrefix("best.") {
        metrics[String(field.dropFirst(5))] = try number(field)
      }
      best = Best(weights: weights, epoch: try count("best_epoch"), metrics: metrics)
    }
  }
}
