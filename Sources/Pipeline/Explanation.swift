package import Diffusion
internal import Matching

/// Which clicks of a session a suggested item rests on.
package struct Explanation: Equatable, Sendable {
  package let item: Int32
  /// The item's inner product with the session's estimate, s(i | S).
  package let score: Float
  /// What the score loses without each click: aⱼ = s(i | S) − s(i | S∖j), in the session's order.
  package let attributions: [Float]

  /// The clicks that count most for the item, most first; none that counts against it.
  package func causes(_ count: Int) -> [Int] {
    attributions.indices.filter { attributions[$0] > 0 }
      .sorted { (attributions[$1], $0) < (attributions[$0], $1) }
      .prefix(count).map(\.self)
  }
}

/// A session, and the items that are to be explained by it.
package struct Explained: Sendable {
  /// Item indices, oldest first: 1 to L clicks.
  package var history: [Int32]
  package var key: NoiseKey
  package var items: [Int32]

  package init(history: [Int32], key: NoiseKey, items: [Int32]) {
    self.history = history
    self.key = key
    self.items = items
  }
}

extension Recommender {
  /// The items that are suggested for a session, best first.
  package mutating func suggested(for session: Explained) -> [Int32] {
    _ = first(of: [session])
    return matches(0).map(\.item)
  }

  /// The item that is suggested first for each session.
  package mutating func first(of sessions: [Explained]) -> [Int32?] {
    let conditions = encode(
      history: sessions.flatMap(\.history),
      lengths: sessions.map { Int32($0.history.count) }
    )
    let keys = sessions.map(\.key)
    let generated = denoise(conditions: conditions, keys: keys, deadlinesNs: []) { 0 }
    let previous = sessions.map { $0.history.last.map { names[$0] } ?? "" }
    match(
      generated.oracles.span,
      after: previous,
      seen: options.excludesSeen ? sessions.map(\.history) : []
    )
    return sessions.indices.map { matches($0).first?.item }
  }

  /// Leaves out each click of each session in turn (occlusion: Zeiler and Fergus 2014), all under
  /// the session's own noise and in one batch.
  package mutating func explain(_ sessions: [Explained]) -> [[Explanation]] {
    var (clicks, lengths, keys): ([Int32], [Int32], [NoiseKey]) = ([], [], [])
    func append(_ history: [Int32], _ key: NoiseKey) {
      clicks += history
      lengths.append(Int32(history.count))
      keys.append(key)
    }
    for session in sessions {
      append(session.history, session.key)
      for left in session.history.indices {
        var rest = session.history
        rest.remove(at: left)
        append(rest, session.key)
      }
    }
    let conditions = encode(history: clicks, lengths: lengths)
    let generated = denoise(conditions: conditions, keys: keys, deadlinesNs: []) { 0 }
    var row = 0
    return sessions.map { session in
      defer { row += session.history.count + 1 }
      return session.items.map { item in
        let embedding = embedding(of: item)
        func score(_ row: Int) -> Float {
          zip(generated.oracle(row), embedding).reduce(0) { $0 + $1.0 * $1.1 }
        }
        let whole = score(row)
        return Explanation(
          item: item,
          score: whole,
          attributions: session.history.indices.map { whole - score(row + 1 + $0) }
        )
      }
    }
  }
}
