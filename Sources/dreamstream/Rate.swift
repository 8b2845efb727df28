import ArgumentParser

/// Clicks a second.
struct Rate: ExpressibleByArgument, Equatable {
  /// As fast as it goes.
  static let max = Rate(perSecond: nil)
  static let help: ArgumentHelp = "Clicks a second, 0.001 to 1000000, or `max`."

  /// `nil` for as fast as it goes.
  let perSecond: Double?

  init(perSecond: Double?) { self.perSecond = perSecond }

  init?(argument: String) {
    if argument == "max" {
      self = .max
      return
    }
    guard let perSecond = Double(argument), (0.001...1e6).contains(perSecond) else { return nil }
    self.perSecond = perSecond
  }

  var defaultValueDescription: String { perSecond.map { "\(Int($0))" } ?? "max" }
}
