/// A stretch of a sequence that is learned in one pass: each of its last clicks from those before.
struct Window: Equatable, Sendable {
  /// The clicks that are read, at most L, as indices of ``Windows/items``.
  let clicks: Range<Int>
  /// The clicks that are predicted: each from the read ones before it.
  let targets: ClosedRange<Int>
}

/// The training examples, cut into windows: a causal encoder learns all examples of a window at the
/// cost of the longest.
///
/// Windows of a sequence longer than L are cut from its end, and do not overlap but for the click
/// where one ends and the next begins. So an example near a window's start has a shorter history
/// than when it is served.
struct Windows: Sendable {
  let items: [Int32]
  private(set) var windows: [Window] = []

  /// The number of examples in all windows; one without a history is in none.
  var targets: Int { windows.reduce(0) { $0 + $1.targets.count } }

  init(_ examples: Examples, length: Int) {
    items = examples.allItems
    // By where the target lies; each with where its history starts.
    let inOrder = (0..<examples.count).map { examples.historyRange($0) }
      .filter { !$0.isEmpty }.sorted {
        ($0.upperBound, $0.lowerBound) < ($1.upperBound, $1.lowerBound)
      }
    var start = 0
    for i in inOrder.indices {
      let isLast =
        i + 1 == inOrder.count || inOrder[i + 1].upperBound != inOrder[i].upperBound + 1
        || inOrder[i + 1].lowerBound > inOrder[i].upperBound
      if isLast {
        cut(inOrder[start...i], length)
        start = i + 1
      }
    }
  }

  /// Cuts a run of examples, each of whose targets is the next one's last click.
  private mutating func cut(_ run: ArraySlice<Range<Int>>, _ length: Int) {
    guard let first = run.first, let last = run.last else { return }
    var end = last.upperBound
    while end >= first.upperBound {
      let start = max(first.lowerBound, end - length)
      windows.append(
        Window(clicks: start..<end, targets: max(first.upperBound, start + 1)...end)
      )
      end = start
    }
  }
}
