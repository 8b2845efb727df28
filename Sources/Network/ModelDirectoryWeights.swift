internal import Kernels

extension Weights {
  /// Reads every tensor of this shape, and refuses any other.
  ///
  /// Nothing is allocated by the shape before the file has been found to hold that much.
  init(_ file: Safetensors, shape: Shape, file name: String) throws(NetworkFailure) {
    let expected = shape.tensors
    for tensor in expected {
      let dimensions = tensor.tensor.dimensions(in: shape)
      let found = file.entries[tensor.name]?.dimensions
      guard found == dimensions else {
        throw NetworkFailure(
          name,
          field: "tensor \(tensor.name).shape",
          expected: "\(dimensions)",
          found: found.map { "\($0)" } ?? "no such tensor",
        )
      }
    }
    let names = Set(expected.map(\.name))
    if let stranger = file.entries.keys.sorted().first(where: { !names.contains($0) }) {
      throw NetworkFailure(
        name,
        field: "tensor \(stranger)",
        expected: """
          absent in a model with a \(shape.denoiser.rawValue) denoiser and \(shape.blocks) blocks
          """,
        found: "present",
      )
    }
    var values: [Float] = []
    values.reserveCapacity(file.entries.values.reduce(0) { $0 + $1.bytes.count / 4 })
    for tensor in expected { try file.append(tensor.name, to: &values) }
    self.init(shape: shape) { _ in values }
    try refuseNonFinite(in: name)
  }

  /// Names the first value that is no number or has no bound.
  package func refuseNonFinite(in file: String) throws(NetworkFailure) {
    if Lanes.isFinite(values.span) { return }
    for tensor in shape.tensors {
      let range = range(tensor)
      guard let at = values[range].firstIndex(where: { !$0.isFinite }) else { continue }
      throw NetworkFailure(
        file,
        field: "tensor \(tensor.name)[\(at - range.lowerBound)]",
        expected: "a finite number",
        found: "\(values[at])",
      )
    }
  }
}
