/// A number with so many decimals, the same on every machine; never `-0`, and `nan` or `inf` as
/// Swift writes them.
func fixed(_ value: Double, _ decimals: Int) -> String {
  guard decimals >= 0, decimals <= 9, abs(value) < 1e9 else { return "\(value)" }
  let scale = (0..<decimals).reduce(1) { product, _ in product * 10 }
  let scaled = Int((abs(value) * Double(scale)).rounded())
  let sign = value < 0 && scaled > 0 ? "-" : ""
  if decimals == 0 { return "\(sign)\(scaled)" }
  let part = String(scaled % scale)
  let zeros = String(repeating: "0", count: decimals - part.count)
  return "\(sign)\(scaled / scale).\(zeros)\(part)"
}
