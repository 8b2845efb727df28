internal import Pipeline

/// What a pipeline does that can go wrong.
enum Step: String {
  case poll, extents, admit, holdBack, stayAlive, rewind, sendOffsets
  case initialise, begin, send, flush, addOffsets, endTransaction, abort
  case claim, apply, mark

  /// Who is asked over the network; `nil` for what happens in the process.
  var dependency: PipelineFailure.Dependency? {
    switch self {
    case .poll, .holdBack, .stayAlive, .rewind, .sendOffsets, .begin, .send, .admit: nil
    case .extents, .initialise, .flush, .addOffsets, .endTransaction, .abort: .kafka
    case .claim, .apply, .mark: .sessions
    }
  }
}

extension World {
  /// Makes a call, before, in and after which the seed lets happen what may.
  ///
  /// - Parameters:
  ///   - life: Whose call it is.
  ///   - step: What is called.
  ///   - failure: What the caller is told of a fault.
  ///   - effect: What the call does, all at once.
  /// - Returns: What `effect` returns.
  /// - Throws: What `effect` throws, or `failure` of what happened.
  func call<Result, Failure: Error>(
    _ life: Life,
    _ step: Step,
    _ failure: (Fault) -> Failure,
    _ effect: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    if let fault = before(life, step) { throw told(life, step, fault, failure) }
    let result = try effect()
    if let fault = after(life, step) { throw told(life, step, fault, failure) }
    return result
  }

  private func told<Failure: Error>(
    _ life: Life,
    _ step: Step,
    _ fault: Fault,
    _ failure: (Fault) -> Failure
  ) -> Failure {
    note(life, "\(step.rawValue): \(fault.rawValue)")
    return failure(fault)
  }

  private func before(_ life: Life, _ step: Step) -> Fault? {
    if life.isDead { return .crash }
    if isCalm {
      life.background()
      tick()
      return nil
    }
    clock.advance(ms: dice.roll(0...2))
    tick()
    if dice.chance(0.7) { life.background() }
    if strikes(.slow) { clock.advance(ms: dice.roll(100...4_000)) }
    // A write that arrives late is what fences are for: it may do so twice as often.
    if strikes(.frozen) || (step == .apply && strikes(.frozen)) { freeze(life, step) }
    if strikes(.crash) {
      kill(life)
      return .crash
    }
    guard let dependency = step.dependency else { return nil }
    if outages[dependency] ?? 0 > nowMs || strikes(.unsent) {
      clock.advance(ms: dice.roll(1...200))
      return .unsent
    }
    return nil
  }

  private func after(_ life: Life, _ step: Step) -> Fault? {
    if isCalm { return nil }
    if strikes(.frozen) { freeze(life, step) }
    if strikes(.crash) {
      kill(life)
      return .crash
    }
    if step.dependency != nil, strikes(.unanswered) {
      clock.advance(ms: dice.roll(1...1_000))
      return .unanswered
    }
    return nil
  }

  func strikes(_ fault: Fault) -> Bool {
    if isCalm || !dice.chance(scenario.rates[fault] ?? 0) { return false }
    trace.count(fault.rawValue)
    return true
  }

  /// Ends a worker without a word, but for what was on its way.
  func kill(_ life: Life) {
    if life.isDead { return }
    life.isDead = true
    note(life, "killed")
    if dice.chance(0.5) { life.lastWords() }
  }

  /// Lets everything else go on while a call stands still.
  private func freeze(_ life: Life, _ step: Step) {
    if depth == Self.deepest { return }
    note(life, "\(step.rawValue): stands still")
    depth += 1
    let isLong = dice.chance(0.3)
    // Long enough to be thrown out of the group and be replaced.
    if isLong { clock.advance(ms: dice.roll(5_000...20_000)) }
    for _ in 0..<(isLong ? dice.roll(10...50) : dice.roll(1...8)) { self.step() }
    depth -= 1
    note(life, "\(step.rawValue): goes on")
  }
}
