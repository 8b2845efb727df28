import Files
import FoundationEssentials

extension ModelDirectory {
  static func read(_ file: String) throws(NetworkFailure) -> [UInt8] {
    do {
      return [UInt8](try Data(contentsOf: URL(filePath: file)))
    } catch {
      throw unreachable(file, error)
    }
  }

  /// Refuses a path that holds something other than a model, or a model that is not to be replaced.
  static func refuseToReplace(_ path: String, allowed: Bool) throws(NetworkFailure) {
    let files = FileManager.default
    guard files.fileExists(atPath: path) else { return }
    guard let names = try? files.contentsOfDirectory(atPath: path) else {
      throw NetworkFailure(path, field: "path", expected: "a directory", found: "a file")
    }
    let ours: Set = [manifestName, weightsName, itemsName, checkpointName]
    if let stranger = names.sorted().first(where: { !ours.contains($0) }) {
      throw NetworkFailure(path, field: "content", expected: "a model", found: stranger)
    }
    guard allowed || !names.contains(manifestName) else {
      throw NetworkFailure(path, field: "path", expected: "no model yet", found: "a model")
    }
  }

  /// Puts a directory of these files at `path`, complete, in place of what is there.
  static func replace(_ path: String, with contents: [String: [UInt8]]) throws(NetworkFailure) {
    let files = FileManager.default
    let target = URL(filePath: path)
    let parent = target.deletingLastPathComponent()
    let new = parent.appending(path: ".\(target.lastPathComponent).new-\(UUID().uuidString)")
    do {
      try files.createDirectory(at: new, withIntermediateDirectories: true)
      defer { try? files.removeItem(at: new) }
      for (name, bytes) in contents.sorted(by: { $0.key < $1.key }) {
        try Data(bytes).write(to: new.appending(path: name))
      }
      if files.fileExists(atPath: path) { try files.removeItem(at: target) }
      try files.moveItem(at: new, to: target)
    } catch {
      throw unreachable(path, error)
    }
  }

  private static func unreachable(_ file: String, _ error: any Error) -> NetworkFailure {
    NetworkFailure(file, field: "file", expected: "access", found: "\(error)", remedy: .retry)
  }
}
