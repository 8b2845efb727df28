/// Vectors rounded to 8 bits, for scans.
///
/// Rounded numbers are multiples of one quantum, so few that the inner product with a query that
/// is rounded likewise stays within 16 bits: by Cauchy and Schwarz, for the norms multiply to less.
struct RoundedRows: Sendable {
  /// Rows whose scores are made together.
  static let lanes = 32
  /// What the norm of a rounded vector, in quanta, is meant not to exceed: √(2¹⁵ − 1).
  private static let greatestNorm = 181.0
  /// What is added to a rounded number, so that it has no sign.
  static let offset = 128

  /// How far numbers go, and what they are counted in.
  struct Scale: Sendable {
    /// The greatest norm of a row.
    let norm: Double
    /// What the rounded numbers are multiples of; `nil` if the numbers are not finite or of no
    /// usual size.
    let quantum: Double?
  }

  let width: Int
  let scale: Scale
  /// `panels[p · pairs + i]` holds inputs 2i and 2i + 1 of row 32p, then of row 32p + 1, and so on,
  /// each ``offset`` higher; empty without a quantum.
  let panels: [SIMD64<UInt8>]
  /// The greatest norm of a rounded row, in quanta.
  let norm: Double
  /// The greatest norm of what rounding a row took away.
  let lost: Double
  /// Pairs of inputs of a row; an odd one is beside a zero.
  var pairs: Int { (width + 1) / 2 }

  /// Rounds rows, each `width` long.
  init(_ rows: Span<Float>, width: Int) {
    self.width = width
    scale = Self.scale(rows, width)
    let count = rows.count / width
    guard let quantum = scale.quantum else {
      (panels, norm, lost) = ([], 0, 0)
      return
    }
    let (pairs, zero) = ((width + 1) / 2, SIMD64(repeating: UInt8(Self.offset)))
    let panelCount = (count + Self.lanes - 1) / Self.lanes
    var panels = [SIMD64<UInt8>](repeating: zero, count: panelCount * pairs)
    var rounding = Rounding()
    var (norm, lost) = (0.0, 0.0)
    unsafe panels.withUnsafeMutableBytes { bytes in
      for row in 0..<count {
        rounding.round(rows.extracting(elements(of: row, width: width)), by: quantum)
        (norm, lost) = (max(norm, rounding.norm), max(lost, rounding.lost))
        let (panel, lane) = row.quotientAndRemainder(dividingBy: Self.lanes)
        for first in stride(from: 0, to: pairs, by: 8) {
          let words = rounding.pairs(first / 8, plus: Self.offset)
          for pair in first..<min(first + 8, pairs) {
            unsafe bytes.storeBytes(
              of: words[pair - first],
              toByteOffset: (panel * pairs + pair) * 2 * Self.lanes + 2 * lane,
              as: UInt16.self
            )
          }
        }
      }
    }
    (self.panels, self.norm, self.lost) = (panels, norm, lost)
  }

  private static func scale(_ rows: Span<Float>, _ width: Int) -> Scale {
    var size = (norm: 0.0, number: Float(0))
    for row in 0..<(rows.count / width) {
      let row = Rounding.size(rows.extracting(elements(of: row, width: width)))
      size = (max(size.norm, row.norm), max(size.number, row.number))
    }
    let room = greatestNorm - Double(width).squareRoot() / 2
    let quantum = size.norm == 0 ? 1 : max(size.norm / room, Double(size.number) / 127)
    let isUsual = room > 0 && Rounding.usual.contains(quantum)
    return Scale(norm: size.norm, quantum: isUsual ? quantum : nil)
  }
}
