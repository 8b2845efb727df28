/// A weight matrix laid out for products with few rows: panels of 16 outputs, inputs within each.
///
/// Every output is summed over the inputs in order, with the same operations whatever the number of
/// rows, so a row's result does not depend on who shares its batch. (BLAS gives no such promise.)
package struct PackedMatrix: Sendable {
  /// Outputs a panel holds.
  package static let lanes = 16
  package let inputs: Int
  package let outputs: Int
  /// `panels[p · inputs + k]` holds the weights of outputs 16p ..< 16p + 16 for input k; absent
  /// outputs are zero.
  package let panels: [SIMD16<Float>]

  /// Packs a row-major matrix of shape (outputs, inputs), as PyTorch's `Linear.weight` is stored.
  package init(outputsByInputs weight: Span<Float>, outputs: Int, inputs: Int) {
    precondition(weight.count == outputs * inputs)
    self.inputs = inputs
    self.outputs = outputs
    let panelCount = (outputs + Self.lanes - 1) / Self.lanes
    var panels = [SIMD16<Float>](repeating: .zero, count: panelCount * inputs)
    for output in 0..<outputs {
      let (panel, lane) = output.quotientAndRemainder(dividingBy: Self.lanes)
      for input in 0..<inputs {
        panels[panel * inputs + input][lane] = weight[output * inputs + input]
      }
    }
    self.panels = panels
  }

  /// The weights of an output, (inputs).
  package func row(_ output: Int) -> [Float] {
    let (panel, lane) = output.quotientAndRemainder(dividingBy: Self.lanes)
    return (0..<inputs).map { panels[panel * inputs + $0][lane] }
  }
}
