import FoundationEssentials

extension Manifest {
  /// `manifest.json`: readable, and the same bytes for the same manifest.
  func encoded(for file: String) throws(NetworkFailure) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    do {
      return Array(try encoder.encode(self)) + [UInt8(ascii: "\n")]
    } catch {
      throw NetworkFailure(file, field: "content", expected: "finite numbers", found: "\(error)")
    }
  }

  /// Reads `manifest.json`, refusing another format before anything else.
  init(_ content: [UInt8], file: String) throws(NetworkFailure) {
    struct Format: Decodable { let format: Int }
    let data = Data(content)
    let format = try Self.decode(Format.self, from: data, file: file).format
    guard format == Self.format else {
      throw NetworkFailure(file, field: "format", expected: "\(Self.format)", found: "\(format)")
    }
    self = try Self.decode(Manifest.self, from: data, file: file)
    if let problem = problem(in: file) { throw problem }
  }

  private static func decode<Value: Decodable>(
    _ type: Value.Type,
    from data: Data,
    file: String
  ) throws(NetworkFailure) -> Value {
    do {
      return try JSONDecoder().decode(type, from: data)
    } catch let error as DecodingError {
      throw failure(for: error, file: file)
    } catch {
      throw NetworkFailure(file, field: "content", expected: "JSON", found: "\(error)")
    }
  }

  private static func failure(for error: DecodingError, file: String) -> NetworkFailure {
    func field(_ path: [any CodingKey], _ key: (any CodingKey)? = nil) -> String {
      let names = (path + [key].compactMap { $0 }).map(\.stringValue)
      return names.isEmpty ? "content" : names.joined(separator: ".")
    }
    switch error {
    case .keyNotFound(let key, let context):
      return NetworkFailure(
        file,
        field: field(context.codingPath, key),
        expected: "present",
        found: "absent",
      )
    case .typeMismatch(let type, let context):
      return NetworkFailure(
        file,
        field: field(context.codingPath),
        expected: "\(type)",
        found: "another type",
      )
    case .valueNotFound(let type, let context):
      return NetworkFailure(
        file,
        field: field(context.codingPath),
        expected: "\(type)",
        found: "null",
      )
    case .dataCorrupted(let context):
      return NetworkFailure(
        file,
        field: field(context.codingPath),
        expected: "a value this program knows",
        found: context.debugDescription,
      )
    @unknown default:
      return NetworkFailure(file, field: "content", expected: "a manifest", found: "\(error)")
    }
  }
}
