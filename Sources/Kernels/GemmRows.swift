/// One product `x · Wᵀ` over packed weights, by register tiles.
///
/// The tiles differ in how many sums they keep, never in how a sum is made: `sum + x · w`, inputs
/// in order. (`addProduct` would call libm for every lane.)
@safe
struct Product {
  typealias Lanes = SIMD16<Float>
  let x: UnsafePointer<Float>
  let w: UnsafePointer<Lanes>
  let bias: UnsafePointer<Float>?
  let y: UnsafeMutablePointer<Float>
  let inputs: Int
  let outputs: Int
  let panels: Int
  let adding: Bool

  func run(rows: Int) {
    let tiled = rows - rows % Gemm.tile
    for panel in 0..<panels {
      var row = 0
      while row < tiled {
        sixRows(row, panel)
        row += Gemm.tile
      }
    }
    for row in tiled..<rows {
      var panel = 0
      while panel + 4 <= panels {
        fourPanels(row, panel)
        panel += 4
      }
      while panel < panels {
        onePanel(row, panel)
        panel += 1
      }
    }
  }

  private func sixRows(_ row: Int, _ panel: Int) {
    let w = unsafe self.w + panel * inputs
    let x0 = unsafe x + row * inputs
    let x1 = unsafe x0 + inputs
    let x2 = unsafe x1 + inputs
    let x3 = unsafe x2 + inputs
    let x4 = unsafe x3 + inputs
    let x5 = unsafe x4 + inputs
    var (s0, s1, s2) = (Lanes.zero, Lanes.zero, Lanes.zero)
    var (s3, s4, s5) = (Lanes.zero, Lanes.zero, Lanes.zero)
    for k in 0..<inputs {
      let wk = unsafe w[k]
      unsafe s0 = s0 + x0[k] * wk
      unsafe s1 = s1 + x1[k] * wk
      unsafe s2 = s2 + x2[k] * wk
      unsafe s3 = s3 + x3[k] * wk
      unsafe s4 = s4 + x4[k] * wk
      unsafe s5 = s5 + x5[k] * wk
    }
    store(s0, row, panel)
    store(s1, row + 1, panel)
    store(s2, row + 2, panel)
    store(s3, row + 3, panel)
    store(s4, row + 4, panel)
    store(s5, row + 5, panel)
  }

  private func fourPanels(_ row: Int, _ panel: Int) {
    let x = unsafe self.x + row * inputs
    let w0 = unsafe w + panel * inputs
    let w1 = unsafe w0 + inputs
    let w2 = unsafe w1 + inputs
    let w3 = unsafe w2 + inputs
    var (s0, s1, s2, s3) = (Lanes.zero, Lanes.zero, Lanes.zero, Lanes.zero)
    for k in 0..<inputs {
      let xk = unsafe x[k]
      unsafe s0 = s0 + xk * w0[k]
      unsafe s1 = s1 + xk * w1[k]
      unsafe s2 = s2 + xk * w2[k]
      unsafe s3 = s3 + xk * w3[k]
    }
    store(s0, row, panel)
    store(s1, row, panel + 1)
    store(s2, row, panel + 2)
    store(s3, row, panel + 3)
  }

  private func onePanel(_ row: Int, _ panel: Int) {
    let x = unsafe self.x + row * inputs
    let w = unsafe self.w + panel * inputs
    var sum = Lanes.zero
    for k in 0..<inputs { unsafe sum = sum + x[k] * w[k] }
    store(sum, row, panel)
  }

  @inline(__always)
  private func store(_ sum: Lanes, _ row: Int, _ panel: Int) {
    let first = panel * PackedMatrix.lanes
    let y = unsafe UnsafeMutableRawPointer(self.y + row * outputs + first)
    if first + PackedMatrix.lanes <= outputs {
      var sum = sum
      if let bias = unsafe bias {
        sum += unsafe UnsafeRawPointer(bias + first).loadUnaligned(as: Lanes.self)
      }
      if adding { sum += unsafe y.loadUnaligned(as: Lanes.self) }
      unsafe y.storeBytes(of: sum, as: Lanes.self)
    } else {
      let y = unsafe self.y + row * outputs
      for output in first..<outputs {
        var value = sum[output - first]
        if let bias = unsafe bias { value += unsafe bias[output] }
        if adding { value += unsafe y[output] }
        unsafe y[output] = value
      }
    }
  }
}
