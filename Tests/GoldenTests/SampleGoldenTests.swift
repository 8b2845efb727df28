import Diffusion
import Kernels
import Matching
import Network
import Testing

/// The noise of a golden sample: draw i of request r is `values[i][r]`.
private struct GivenNoise: NoiseSource {
  /// (draws, requests, d).
  let values: [Float]
  let requests: Int

  mutating func fill(_ noise: inout MutableSpan<Float>, request: Int, draw: Int) {
    let first = (draw * requests + request) * noise.count
    for i in noise.indices { noise[i] = values[first + i] }
  }
}

@Suite("Whole guided samples against the published ones")
struct SampleGoldenTests {
  /// A sample of a fixture: its tensors are called `sample.schedule.T….w….tensor`.
  struct Golden: CustomTestStringConvertible, Sendable {
    let fixture: String
    let prefix: String
    let schedule: NoiseSchedule.Description
    let guidance: Float
    var testDescription: String { "\(fixture): \(prefix)" }

    static let all: [Golden] = {
      do { return try ["dreamrec-linear", "dreamrec-mlp"].flatMap(goldens) } catch {
        Issue.record(error)
        return []
      }
    }()

    private static func goldens(of fixture: String) throws -> [Golden] {
      try Fixture(named: fixture).names.filter { $0.hasPrefix("sample.") && $0.hasSuffix(".x0") }
        .map { tensor in
          // The guidance may have a point of its own: all that stands between ".w" and ".x0".
          let match = try #require(tensor.wholeMatch(of: #/(sample\.(\w+)\.T(\d+)\.w(.+))\.x0/#))
          return Golden(
            fixture: fixture,
            prefix: String(match.1) + ".",
            schedule: NoiseSchedule.Description(
              name: try #require(NoiseSchedule.Name(rawValue: String(match.2))),
              steps: try #require(Int(match.3))
            ),
            guidance: try #require(Float(match.4))
          )
        }
    }
  }

  @Test("both denoisers have samples")
  func complete() {
    #expect(Set(Golden.all.map(\.fixture)).count == 2)
    #expect(Golden.all.count { $0.guidance > 0 } >= 2)
  }

  @Test("x₀ agrees to 1e-3, and the top items are the same", arguments: Golden.all)
  func sample(golden: Golden) throws {
    let fixture = try Fixture(named: golden.fixture)
    let weights = try fixture.weights()
    let expected = try fixture.floats(golden.prefix + "x0")
    let (d, requests) = (weights.shape.width, try fixture.shape(golden.prefix + "x0")[0])

    let (items, lengths) = try fixture.histories("input.", padding: weights.shape.items)
    var encoder = SequenceEncoder(weights)
    var h = [Float](repeating: 0, count: lengths.count * d)
    h.edit { encoder.encode(items: items.span, lengths: lengths.span, into: &$0) }

    let schedule = try NoiseSchedule(golden.schedule)
    var model = GuidedDenoiser(weights, steps: schedule.steps, guidance: golden.guidance)
    // A fixture samples for its first few histories.
    model.begin(conditions: h.span.extracting(0..<(requests * d)))
    var generator = try Generator(schedule: schedule, sampler: .ddpm)
    var noise = GivenNoise(values: try fixture.floats(golden.prefix + "noise"), requests: requests)
    var (clean, outcomes): ([Float], [Outcome]) = ([Float](repeating: 0, count: requests * d), [])
    clean.edit {
      generator.generate(with: &model, noise: &noise, into: &$0, outcomes: &outcomes)
    }
    #expect(distance(clean, expected) < 1e-3)
    #expect(outcomes.allSatisfy { $0 == Outcome(steps: schedule.steps, stoppedBy: .steps) })

    let catalogue = try Catalogue(
      ItemIndex((0..<weights.shape.items).map(String.init)),
      embeddings: weights[.items][0..<(weights.shape.items * d)],
      width: d,
      counts: Array(repeating: 0, count: weights.shape.items)
    )
    let top = try fixture.ints(golden.prefix + "top20")
    let k = top.count / requests
    var matcher = Matcher()
    matcher.match(clean.span, with: catalogue, k: k)
    for request in 0..<requests {
      #expect(
        matcher[request].map { Int($0.item) } == Array(top[(request * k)..<((request + 1) * k)])
      )
    }
  }

  @Test("the folded sampler has the mean of the walk without noise", arguments: Golden.all)
  func folded(golden: Golden) throws {
    let weights = try Fixture(named: golden.fixture).weights()
    // A long fold of full width takes a while without optimisation, and no new path.
    guard golden.schedule.steps <= 50,
      let parts = LinearDenoiserParts(weights, steps: golden.schedule.steps)
    else { return }
    let schedule = try NoiseSchedule(golden.schedule)
    let (h, d) = (try Fixture(named: golden.fixture).floats("encoder.h"), weights.shape.width)
    var sampler = try FoldedSampler(
      schedule: schedule,
      estimate: AffineEstimate(
        a: parts.a,
        b: parts.b,
        emptyTerm: parts.none,
        stepTerms: parts.steps
      ),
      guidance: golden.guidance
    )
    var model = GuidedDenoiser(weights, steps: schedule.steps, guidance: golden.guidance)
    model.begin(conditions: h.span)
    var generator = try Generator(schedule: schedule, sampler: .ddpm)
    let zeros = [Float](repeating: 0, count: schedule.steps * h.count)
    var silence = GivenNoise(values: zeros, requests: h.count / d)
    var (walked, drawn, outcomes): ([Float], [Float], [Outcome]) = (h, h, [])
    walked.edit {
      generator.generate(with: &model, noise: &silence, into: &$0, outcomes: &outcomes)
    }
    drawn.edit { sampler.sample(h.span, noise: &silence, into: &$0, outcomes: &outcomes) }
    #expect(distance(walked, drawn) < 2e-5)
  }
}
