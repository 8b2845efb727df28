import Testing

@testable import Training

/// What a progress line wrote, and when the test began.
final class Screen {
  var text = ""
  let start = ContinuousClock.now

  func progress(_ isTerminal: Bool, done: Int = 0) -> ProgressBar {
    ProgressBar(
      "train",
      total: 200,
      unit: "rows",
      done: done,
      now: start,
      isTerminal: isTerminal,
      write: { self.text += $0 },
    )
  }
}

@Suite("Progress")
struct ProgressTests {
  let screen = Screen()

  @Test("a line says how far, how fast and how long still")
  func line() {
    var progress = screen.progress(false)
    progress.show(50, ["loss 0.5"], now: screen.start + .seconds(10))
    #expect(screen.text == "train  25 % · loss 0.5 · 5.0 rows/s · 0:30 left\n")
  }

  @Test("work done before this run says nothing about its speed")
  func resumed() {
    var progress = screen.progress(false, done: 100)
    progress.show(150, [], now: screen.start + .seconds(10))
    #expect(screen.text == "train  75 % · 5.0 rows/s · 0:10 left\n")
  }

  @Test("elsewhere than on a terminal a line comes every ten seconds, and the last always")
  func plain() {
    var progress = screen.progress(false)
    for second in 1...25 { progress.show(second, [], now: screen.start + .seconds(second)) }
    #expect(screen.text.split(separator: "\n").count == 3)
    progress.show(200, [], now: screen.start + .seconds(26))
    #expect(screen.text.contains("train 100 %"))
    #expect(!screen.text.contains("\r"))
  }

  @Test("on a terminal one line is redrawn, at most ten times a second, and covered whole")
  func terminal() {
    var progress = screen.progress(true)
    progress.show(50, ["a long field that goes away"], now: screen.start)
    progress.show(60, [], now: screen.start + .milliseconds(99))
    #expect(screen.text.count { $0 == "\r" } == 1)
    let first = screen.text.count
    progress.show(100, [], now: screen.start + .seconds(1))
    #expect(screen.text.count == 2 * first)
    #expect(screen.text.contains("\rtrain  50 % ━━━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌ · 100 rows/s · 0:01 left"))
    #expect(!screen.text.contains("\n"))
    progress.finish()
    #expect(screen.text.hasSuffix("\n"))
  }

  @Test("a note stays above the line, which comes back at once")
  func note() {
    var progress = screen.progress(true)
    progress.show(50, [], now: screen.start)
    let width = screen.text.count - 1
    screen.text = ""
    progress.note("hr@20 0.5")
    #expect(screen.text == "\rhr@20 0.5" + String(repeating: " ", count: width - 9) + "\n")
    progress.show(51, [], now: screen.start)
    #expect(screen.text.contains("train  25 %"))
  }

  @Test(
    "numbers are grouped and times written as clocks do",
    arguments: [
      (0.04, "0.0", "0:00"), (9.26, "9.3", "0:09"), (999, "999", "16:39"),
      (12_345, "12,345", "3:25:45"), (1_234_567, "1,234,567", "342:56:07"),
    ],
  )
  func numbers(value: Double, number: String, clock: String) {
    #expect(ProgressBar.grouped(value) == number)
    #expect(ProgressBar.clock(value) == clock)
  }
}
