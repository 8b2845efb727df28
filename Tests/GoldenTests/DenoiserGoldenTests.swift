import Diffusion
import Kernels
import Network
import Testing

@Suite("The denoiser against PyTorch")
struct DenoiserGoldenTests {
  static let files = ["dreamrec-linear", "dreamrec-mlp"]

  @Test("both branches are the published ones to 1e-5", arguments: files)
  func branches(name: String) throws {
    let fixture = try Fixture(named: name)
    let weights = try fixture.weights()
    let steps = fixture.names.compactMap { name in
      name.wholeMatch(of: #/denoiser\.step(\d+)\.conditional/#).flatMap { Int($0.1) }
    }
    #expect(!steps.isEmpty)
    let (x, h) = (try fixture.floats("denoiser.x"), try fixture.floats("encoder.h"))
    let requests = (0..<Int32(x.count / weights.shape.width)).map(\.self)
    // Guidance 0 is the conditional branch alone, −1 the unconditional one.
    for (guidance, branch) in [(0, "conditional"), (-1, "unconditional")] as [(Float, String)] {
      var denoiser = GuidedDenoiser(weights, steps: (steps.max() ?? 0) + 1, guidance: guidance)
      denoiser.begin(conditions: h.span)
      for t in steps {
        var clean = x
        clean.edit { denoiser.estimate(x.span, requests: requests.span, at: t, into: &$0) }
        let expected = try fixture.floats("denoiser.step\(t).\(branch)")
        #expect(distance(clean, expected) < 1e-5, "step \(t), \(branch)")
      }
    }
  }

  @Test(
    "guidance extrapolates the branches, for the requests whose rows are left",
    arguments: files
  )
  func guided(name: String) throws {
    let fixture = try Fixture(named: name)
    let weights = try fixture.weights()
    let d = weights.shape.width
    let (x, h) = (try fixture.floats("denoiser.x"), try fixture.floats("encoder.h"))
    let conditional = try fixture.floats("denoiser.step10.conditional")
    let unconditional = try fixture.floats("denoiser.step10.unconditional")
    let left: [Int32] = [1, 4, 6]
    func rows(_ tensor: [Float]) -> [Float] {
      left.flatMap { tensor[(Int($0) * d)..<(Int($0) * d + d)] }
    }
    var denoiser = GuidedDenoiser(weights, steps: 11, guidance: 2)
    denoiser.begin(conditions: h.span)
    var clean = [Float](repeating: 0, count: left.count * d)
    clean.edit { denoiser.estimate(rows(x).span, requests: left.span, at: 10, into: &$0) }
    let expected = zip(rows(conditional), rows(unconditional)).map { 3 * $0 - 2 * $1 }
    #expect(distance(clean, expected) < 3e-5)
  }

  @Test("the parts of a linear denoiser make up the whole")
  func parts() throws {
    let fixture = try Fixture(named: "dreamrec-linear")
    let weights = try fixture.weights()
    let parts = try #require(LinearDenoiserParts(weights, steps: 11))
    let d = parts.width
    let (x, h) = (try fixture.floats("denoiser.x"), try fixture.floats("encoder.h"))
    func product(_ matrix: [Float], _ input: [Float]) -> [Float] {
      let packed = PackedMatrix(outputsByInputs: matrix.span, outputs: d, inputs: d)
      var output = [Float](repeating: 0, count: input.count)
      output.edit { Gemm.rows(input.span, packed, into: &$0) }
      return output
    }
    let (ax, bh) = (product(parts.a, x), product(parts.b, h))
    let constant = parts.steps[(10 * d)...]
    let conditional = x.indices.map { ax[$0] + bh[$0] + constant[10 * d + $0 % d] }
    let unconditional = x.indices.map { ax[$0] + parts.none[$0 % d] + constant[10 * d + $0 % d] }
    #expect(try distance(conditional, fixture.floats("denoiser.step10.conditional")) < 1e-5)
    #expect(try distance(unconditional, fixture.floats("denoiser.step10.unconditional")) < 1e-5)
    #expect(
      try LinearDenoiserParts(Fixture(named: "dreamrec-mlp").weights(), steps: 1) == nil
    )
  }
}
