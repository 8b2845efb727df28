internal import Kernels

/// A computation on rows of numbers, written down as it runs so that its gradient can be taken.
///
/// Each operation appends a node that holds a matrix, (rows, width); ``backward()`` then walks the
/// nodes from the last to the first (reverse mode: Griewank and Walther 2008, chapter 3).
/// Parameters are one flat block, of which operations use parts, and so is their gradient.
///
/// A tape that repeats the same operations reuses their memory: nothing is allocated unless a node
/// is larger than in any run before.
package struct Tape: Sendable {
  /// A matrix on a tape.
  package struct Node: Equatable, Sendable {
    let index: Int
    package let rows: Int
    package let width: Int
    var count: Int { rows * width }
  }

  /// What made a node, and what its gradient needs besides the values of nodes.
  enum Operation: Sendable {
    case constant
    case parameter(Range<Int>)
    case linear(Node, Range<Int>)
    /// The saved numbers are each row's mean and 1/deviation.
    case norm(Node, Range<Int>)
    /// The saved numbers are each row's factor.
    case sphere(Node, length: Float)
    case relu(Node)
    case gelu(Node)
    case sum(Node, Node)
    /// Each row times a number of its own.
    case weighted(Node, [Float])
    /// x ⊙ (1 + γ) + β, where the rows of the second are [γ ‖ β].
    case modulated(Node, Node)
    /// The saved numbers are the multipliers.
    case dropout(Node)
    case take(Node, [Int32])
    /// Rows side by side.
    case join([Node])
    /// For each row the mean of all others.
    case others(Node)
    /// Row by row: the first where the flag stands, else the only row of the second.
    case choose(Node, Node, [Bool])
    /// Query, key, value; the saved numbers are the weights of each sequence's heads.
    case attention(Node, Node, Node, lengths: [Int32], heads: Int)
  }

  package private(set) var parameters: [Float] = []
  /// The sum over all losses of their gradient by the parameters.
  package internal(set) var gradient: [Float]

  var operations: [Operation] = []
  var nodes: [Node] = []
  /// Each node's value, its gradient, and what its operation saved.
  ///
  /// They outlive a run.
  var values: [[Float]] = []
  var gradients: [[Float]] = []
  var saved: [[Float]] = []
  var scratch: [Float] = []

  package init(parameters count: Int) { gradient = [Float](repeating: 0, count: count) }

  /// Starts over with these parameters and a gradient of zeros.
  package mutating func begin(_ parameters: [Float]) {
    precondition(parameters.count == gradient.count)
    self.parameters = parameters
    gradient.clear(gradient.count)
    operations.removeAll(keepingCapacity: true)
    nodes.removeAll(keepingCapacity: true)
  }

  /// Lets go of the parameters, so that their owner can change them without a copy.
  package mutating func end() { parameters = [] }

  /// A node's numbers, (rows, width).
  package func value(_ node: Node) -> [Float] { values[node.index] }

  /// Appends a node whose numbers `fill` writes, given the memory for what the operation saves.
  mutating func append(
    _ operation: Operation,
    rows: Int,
    width: Int,
    saving count: Int = 0,
    _ fill: (borrowing Tape, inout MutableSpan<Float>, inout MutableSpan<Float>) -> Void,
  ) -> Node {
    let node = Node(index: nodes.count, rows: rows, width: width)
    if values.count == node.index {
      values.append([])
      gradients.append([])
      saved.append([])
    }
    // Taken out while they are written: the rest of the tape is read meanwhile.
    var (value, kept) = ([Float](), [Float]())
    swap(&value, &values[node.index])
    swap(&kept, &saved[node.index])
    value.resize(to: node.count)
    kept.resize(to: count)
    do {
      var output = value.mutableSpan
      var memory = kept.mutableSpan
      fill(self, &output, &memory)
    }
    swap(&value, &values[node.index])
    swap(&kept, &saved[node.index])
    gradients[node.index].clear(node.count)
    nodes.append(node)
    operations.append(operation)
    return node
  }
}
