import Diffusion
import Files

/// A trained model: everything that serving it needs.
package struct Model: Sendable {
  package var manifest: Manifest
  package let weights: Weights
  package let items: ItemTable

  package init(manifest: Manifest, weights: Weights, items: ItemTable) {
    self.manifest = manifest
    self.weights = weights
    self.items = items
  }
}

/// A model as a directory: `manifest.json`, `model.safetensors`, `items.tsv`.
///
/// It is written and replaced as a whole; a damaged or mismatched one is refused with the field
/// that differs.
package enum ModelDirectory {
  static let manifestName = "manifest.json"
  static let weightsName = "model.safetensors"
  static let itemsName = "items.tsv"
  /// Where training keeps its state while it runs.
  package static let checkpointName = "checkpoint"

  /// Reads a model and checks all of it: hashes, shapes, catalogue, finite weights.
  ///
  /// A model that is replaced while it is read is read again.
  package static func load(_ path: String) throws(NetworkFailure) -> Model {
    let manifestFile = path + "/" + manifestName
    var content = try read(manifestFile)
    while true {
      do {
        return try load(path, manifest: try Manifest(content, file: manifestFile))
      } catch {
        let later = try read(manifestFile)
        if later == content { throw error }
        content = later
      }
    }
  }

  private static func load(
    _ path: String,
    manifest: Manifest
  ) throws(NetworkFailure) -> Model {
    let manifestFile = path + "/" + manifestName
    var sums: [(name: String, sum: String)] = []
    func content(_ name: String) throws(NetworkFailure) -> [UInt8] {
      let file = path + "/" + name
      guard let listed = manifest.files[name] else {
        throw NetworkFailure(
          manifestFile,
          field: "files.\(name)",
          expected: "present",
          found: "absent"
        )
      }
      let bytes = try read(file)
      guard bytes.count == listed.bytes else {
        throw NetworkFailure(
          file,
          field: "size",
          expected: "\(listed.bytes) bytes",
          found: "\(bytes.count)"
        )
      }
      let sum = SHA256.hex(bytes)
      guard sum == listed.sha256 else {
        throw NetworkFailure(file, field: "sha256", expected: listed.sha256, found: sum)
      }
      sums.append((name, sum))
      return bytes
    }
    let itemsFile = path + "/" + itemsName
    let items = try ItemTable(try content(itemsName), file: itemsFile)
    let weightsFile = path + "/" + weightsName
    let tensors = try Safetensors(try content(weightsName), file: weightsFile)
    let version = version(of: sums)
    guard manifest.version == version else {
      throw NetworkFailure(
        manifestFile,
        field: "version",
        expected: version,
        found: manifest.version
      )
    }
    guard items.ids.count == manifest.shape.items else {
      throw NetworkFailure(
        itemsFile,
        field: "items",
        expected: "\(manifest.shape.items)",
        found: "\(items.ids.count)",
      )
    }
    for (field, value) in metadata(of: manifest).sorted(by: { $0.key < $1.key }) {
      // A file of before there were heads says nothing of them.
      let written = tensors.metadata[field] ?? (field == headsField ? "1" : nil)
      if written == value { continue }
      throw NetworkFailure(
        manifestFile,
        field: field,
        expected: written ?? "what \(weightsName) says",
        found: value,
      )
    }
    let weights = try Weights(tensors, shape: manifest.shape, file: weightsFile)
    return Model(manifest: manifest, weights: weights, items: items)
  }

  /// Writes the model, its version and its hashes, and returns the manifest as it was written.
  ///
  /// The directory appears at once and complete, or not at all. An older model at `path` is
  /// replaced if `replacing` says so; a directory that is something else never is.
  @discardableResult
  package static func write(
    _ model: Model,
    to path: String,
    replacing: Bool = false,
  ) throws(NetworkFailure) -> Manifest {
    try refuseToReplace(path, replacing: replacing)
    let weightsFile = path + "/" + weightsName
    guard model.weights.shape == model.manifest.shape,
      model.items.ids.count == model.manifest.shape.items
    else {
      throw NetworkFailure(
        path,
        field: "shape",
        expected: "\(model.manifest.shape)",
        found: "\(model.weights.shape) and \(model.items.ids.count) items",
      )
    }
    try model.weights.refuseNonFinite(in: weightsFile)
    let contents = [
      itemsName: try model.items.encoded(for: path + "/" + itemsName),
      weightsName: Safetensors.encode(
        model.weights.shape.tensors.map { tensor in
          (
            tensor.name, tensor.tensor.dimensions(in: model.weights.shape),
            model.weights.values[model.weights.range(tensor)],
          )
        },
        metadata: metadata(of: model.manifest),
      ),
    ]
    var manifest = model.manifest
    let sums = contents.mapValues { SHA256.hex($0) }
    manifest.files = contents.mapValues { .init(bytes: $0.count, sha256: SHA256.hex($0)) }
    manifest.version = version(of: sums.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    let manifestFile = path + "/" + manifestName
    if let problem = manifest.problem(in: manifestFile) { throw problem }
    let all = contents.merging([manifestName: try manifest.encoded(for: manifestFile)]) { $1 }
    try replace(path, with: all)
    return manifest
  }

  /// Gives a model other serving defaults; its version, which is of its content, stays.
  package static func calibrate(
    _ path: String,
    serving: Manifest.Serving,
    by calibration: Manifest.Calibration?
  ) throws(NetworkFailure) {
    let file = path + "/" + manifestName
    var manifest = try Manifest(try read(file), file: file)
    manifest.serving = serving
    manifest.calibration = calibration
    if let problem = manifest.problem(in: file) { throw problem }
    try replaceFile(file, with: try manifest.encoded(for: file))
  }

  /// What the tensors' file itself says of the model, so that its hash covers it.
  private static let headsField = "shape.heads"

  private static func metadata(of manifest: Manifest) -> [String: String] {
    [
      "shape.denoiser": manifest.shape.denoiser.rawValue,
      headsField: "\(manifest.shape.heads)",
      "schedule.name": manifest.schedule.name.rawValue,
      "schedule.steps": "\(manifest.schedule.steps)",
    ]
  }

  /// The hash of what `sha256sum` prints for these files, in this order.
  private static func version(of sums: [(name: String, sum: String)]) -> String {
    let lines = sums.map { "\($0.sum)  \($0.name)\n" }
    return "sha256:" + SHA256.hex(Array(lines.joined().utf8))
  }
}
