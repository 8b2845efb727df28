internal import Events
internal import Files

/// What was published for a stream: the items by the id of the event they answer.
package struct PublishedSuggestions {
  package private(set) var items: [String: [String]] = [:]
  /// How many came again, and how many of those were not the same bytes.
  package private(set) var repeated = 0
  package private(set) var different = 0
  private var hashes: [String: Int] = [:]

  /// Reads a suggestion a line, as they were published; a line that is none is a `FileFailure`.
  package init(path: String) throws {
    var lines = try LineReader(path: path)
    while let line = try lines.next() {
      // What `tail` prints for an erased session.
      if line.isEmpty || line.elementsEqual("null".utf8) { continue }
      let suggestion: Suggestion
      do { suggestion = try SuggestionDecoder.decode(line) } catch {
        throw FileFailure(path: path, line: lines.line, reason: "\(error)")
      }
      let id = suggestion.source.eventID ?? "\(suggestion.source.position)"
      if let hash = hashes.updateValue(line.hashValue, forKey: id) {
        repeated += 1
        if hash != line.hashValue { different += 1 }
      } else {
        items[id] = suggestion.items.map(\.id)
      }
    }
  }
}
