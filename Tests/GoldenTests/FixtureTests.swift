import Testing

@Suite("Fixtures")
struct FixtureTests {
  @Test(
    "every file is read whole",
    arguments: ["dreamrec-linear", "dreamrec-mlp", "schedules", "training-linear", "training-mlp"]
  )
  func read(name: String) throws {
    let fixture = try Fixture(named: name)
    #expect(!fixture.names.isEmpty)
    for tensor in fixture.names {
      let count = try fixture.shape(tensor).reduce(1, *)
      let found = try (try? fixture.floats(tensor).count) ?? fixture.ints(tensor).count
      #expect(found == count, "\(tensor)")
    }
  }

  @Test("a tensor that is not there is an error")
  func missing() throws {
    let fixture = try Fixture(named: "dreamrec-linear")
    #expect(throws: Fixture.Failure.self) { try fixture.floats("absent") }
    #expect(throws: Fixture.Failure.self) { try fixture.floats("input.lengths") }
  }
}
