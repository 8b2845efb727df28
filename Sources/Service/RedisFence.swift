import Events
import Redis
import Sessions

/// Who may write to the sessions of a bucket, and how far they have come: a hash beside them.
///
/// For each partition it has two fields. `topic:partition` is the claim, `epoch generation member`:
/// the epoch grows with every claim by somebody else or in another generation, and whoever writes
/// shows the claim it was given. `topic:partition:mark` is the offset before which all that the
/// partition held for this bucket is folded. A replica is given both in the order of the writes
/// between them, so a mark that outlives a failover never tells of sessions that did not.
///
/// Fences do not age. One takes 150 bytes for a partition (`MEMORY USAGE`), 440 for four, 1,600 for
/// 16 and 6,200 for 64, and there are 256 of them, however many users there are.
enum RedisFence {
  /// The code of the error reply when somebody else has claimed since.
  static let fenced = "FENCED"
  /// The code of the error reply when the claim is gone, or an earlier one is back.
  static let lost = "LOST"

  /// `refusal(fence, source, claim)`: why a claim does not hold, or nothing.
  static let check = #"""
    local function refusal(fence, source, claim)
      local held = redis.pcall('HGET', fence, source)
      if held == claim then return end
      if type(held) == 'table' then return held end
      local function epoch(of) return tonumber(string.match(of, '^%d+')) end
      local isLost = not held or epoch(held) < epoch(claim)
      return redis.error_reply((isLost and 'LOST ' or 'FENCED ') .. source)
    end

    """#

  /// Takes partitions over, all or none.
  ///
  /// `ARGV`: generation, member, and for each partition its source and whether its group begins
  /// afresh. Answers for each with claim and mark.
  static let claim = #"""
    local fence, generation, owner = KEYS[1], tonumber(ARGV[1]), ARGV[1] .. ' ' .. ARGV[2]
    local fields, replies = {}, {}
    for i = 3, #ARGV, 2 do
      local source = ARGV[i]
      local held = redis.call('HGET', fence, source)
      local epoch, before = 0, nil
      if held then epoch, before = string.match(held, '^(%d+) (.*)$') end
      local passed = before and tonumber(string.match(before, '^%S+'))
      if passed and passed > generation and ARGV[i + 1] == '0' then
        return redis.error_reply('FENCED ' .. source .. ', in generation ' .. passed)
      end
      local claim = held
      if before ~= owner then
        claim = string.format('%d %s', epoch + 1, owner)
        fields[#fields + 1], fields[#fields + 2] = source, claim
      end
      replies[#replies + 1] = {claim, redis.call('HGET', fence, source .. ':mark')}
    end
    -- A full server takes no writes, and need not where nothing changes.
    if #fields > 0 then redis.call('HSET', fence, unpack(fields)) end
    return replies
    """#

  /// Sets marks, all or none.
  ///
  /// `ARGV`: for each partition its source, our claim, and the offset.
  static let mark =
    check + #"""
      local fields = {}
      for i = 1, #ARGV, 3 do
        local refused = refusal(KEYS[1], ARGV[i], ARGV[i + 1])
        if refused then return refused end
        fields[#fields + 1], fields[#fields + 2] = ARGV[i] .. ':mark', ARGV[i + 2]
      end
      return redis.call('HSET', KEYS[1], unpack(fields))
      """#

  /// What a partition is called in fences and trails.
  static func source(_ partition: Partition) -> Argument {
    .text("\(partition.topic):\(partition.number)")
  }
}

/// What this store was given for a partition it claimed: per bucket, what to show when writing.
struct RedisClaim: Sendable {
  private(set) var shown: [Argument] = []
  private var marks: [Int64?] = []

  /// The offset before which everything is folded, in every bucket.
  var mark: Int64? {
    marks.reduce(.max) { least, mark in
      guard let least, let mark else { return nil }
      return min(least, mark)
    }
  }

  /// Reads what the script answered for the next bucket: `[claim, mark]`.
  mutating func read(_ reply: Reply) -> Bool {
    guard case .array(let fields) = reply, fields.count == 2, case .bytes(let claim) = fields[0]
    else { return false }
    shown.append(.bytes(claim))
    switch fields[1] {
    case .null: marks.append(nil)
    case .bytes(let mark):
      guard let mark = Int64(String(decoding: mark, as: UTF8.self)) else { return false }
      marks.append(mark)
    default: return false
    }
    return true
  }
}
