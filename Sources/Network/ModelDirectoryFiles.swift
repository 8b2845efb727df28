import Files
import FoundationEssentials

extension ModelDirectory {
  static func read(_ file: String) throws(NetworkFailure) -> [UInt8] {
    do {
      return try WholeFile.read(file)
    } catch {
      throw unreachable(error)
    }
  }

  /// Whether there is a model at `path`, sound or not.
  package static func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: path + "/" + manifestName)
  }

  /// Refuses a path that holds something other than a model, or a model that is not to be replaced.
  package static func refuseToReplace(
    _ path: String,
    replacing: Bool
  ) throws(NetworkFailure) {
    let files = FileManager.default
    guard files.fileExists(atPath: path) else { return }
    guard let names = try? files.contentsOfDirectory(atPath: path) else {
      throw NetworkFailure(path, field: "path", expected: "a directory", found: "a file")
    }
    let ours: Set = [manifestName, weightsName, itemsName, checkpointName]
    if let stranger = names.sorted().first(where: { !ours.contains($0) }) {
      throw NetworkFailure(path, field: "content", expected: "a model", found: stranger)
    }
    guard replacing || !names.contains(manifestName) else {
      throw NetworkFailure(path, field: "path", expected: "no model yet", found: "a model")
    }
  }

  /// Puts a directory of these files at `path`, complete, in place of what is there.
  static func replace(_ path: String, with contents: [String: [UInt8]]) throws(NetworkFailure) {
    do {
      try WholeDirectory.replace(path, with: contents)
    } catch {
      throw unreachable(error)
    }
  }

  static func replaceFile(_ file: String, with content: [UInt8]) throws(NetworkFailure) {
    do {
      try WholeFile.replace(file, with: content)
    } catch {
      throw unreachable(error)
    }
  }

  private static func unreachable(_ failure: FileFailure) -> NetworkFailure {
    NetworkFailure(failure.path, unreachable: failure.reason)
  }
}
