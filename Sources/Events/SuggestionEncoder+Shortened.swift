extension SuggestionEncoder {
  /// Writes a suggestion in at most so many bytes: without its reasons if they do not fit, then
  /// with the better half of its items, and the better half of those.
  ///
  /// The bytes depend on the suggestion and the bound alone.
  ///
  /// - Parameters:
  ///   - suggestion: The suggestion.
  ///   - most: The bound; without any item it may still be overstepped.
  /// - Returns: The bytes, and what of the suggestion they hold, in words; `nil` for all of it.
  package static func encode(
    _ suggestion: Suggestion,
    atMost most: Int
  ) -> (bytes: [UInt8], shortened: String?) {
    var bytes = encode(suggestion)
    if bytes.count <= most { return (bytes, nil) }
    var rest = suggestion
    for index in rest.items.indices { rest.items[index].because = nil }
    bytes = encode(rest)
    while bytes.count > most, !rest.items.isEmpty {
      rest.items.removeLast((rest.items.count + 1) / 2)
      bytes = encode(rest)
    }
    let isExplained = suggestion.items.contains { $0.because != nil }
    let items = "\(rest.items.count) of \(suggestion.items.count) items"
    return (bytes, items + (isExplained ? " without because" : ""))
  }
}
