import Kernels
import Network
import Testing

@Suite("The encoder against PyTorch")
struct EncoderGoldenTests {
  @Test("h is the published one to 1e-5", arguments: ["dreamrec-linear", "dreamrec-mlp"])
  func encode(name: String) throws {
    let fixture = try Fixture(named: name)
    let weights = try fixture.weights()
    let (items, lengths) = try fixture.histories("input.", padding: weights.shape.items)
    let expected = try fixture.floats("encoder.h")
    var encoder = SequenceEncoder(weights)
    var h = [Float](repeating: 0, count: expected.count)
    h.edit { encoder.encode(items: items.span, lengths: lengths.span, into: &$0) }
    #expect(distance(h, expected) < 1e-5)
  }
}
