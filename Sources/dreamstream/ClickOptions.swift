import ArgumentParser
import Evaluation
import Files
import Training

/// How a file's clicks are parted and cleaned before anything is learned or judged.
struct ClickOptions: ParsableArguments {
  enum Split: String, CaseIterable, ExpressibleByArgument {
    case given
    case leaveOneOut = "leave-one-out"
    case time
  }

  @Option(
    help: """
      given: by the column `split` if there is one; leave-one-out: each user's last click is \
      `test`, the one before `val`, the others `train`; time: the last 10 % of all clicks are \
      `test`, the 10 % before them `val`.
      """
  )
  var split = Split.given
  @Option(help: "Leave out items with fewer clicks in the file.") var minimumClicks = 1

  func read(_ path: String) throws -> ClickLog {
    let log = try ClickLog(try ClickFile.read(path)).withoutRare(below: minimumClicks)
    switch split {
    case .given: return log
    case .leaveOneOut: return log.leavingOneOut
    case .time:
      guard !log.timesMs.isEmpty else {
        throw FileFailure(path: path, reason: "it has no times to split by")
      }
      return log.parted(byTime: ClickLog.timeShares)
    }
  }
}
