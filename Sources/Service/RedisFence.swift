import Events
import Redis
import Sessions

/// Who may write to the sessions of a bucket, and how far they have come: a hash beside them.
///
/// For each partition it has two fields. `topic:partition` is the claim, `epoch generation group
/// nonce`: the epoch grows with every claim, and whoever writes shows the claim it was given.
/// `topic:partition:mark` is the offset before which all that the partition held for this bucket is
/// folded. A replica is given both in the order of the writes between them, so a mark that outlives
/// a failover never tells of sessions that did not. A claim that outlives it does: hence a new one
/// for every connection, whose epoch also shuts out what was sent over an earlier one and is still
/// on its way.
///
/// Fences do not age. One takes 140 bytes for a partition (`MEMORY USAGE`), 310 for four, 1,080 for
/// 16 and 4,150 for 64, and there are 256 of them, however many users there are.
enum RedisFence {
  /// The code of the error reply when somebody else has claimed since.
  static let fenced = "FENCED"
  /// The code of the error reply when that somebody is of another group.
  static let taken = "TAKEN"
  /// The code of the error reply when the claim is gone, or an earlier one is back.
  static let lost = "LOST"

  /// `refusal(fence, source, claim)`: why a claim does not hold, or nothing.
  static let check = #"""
    local function refusal(fence, source, claim)
      local held = redis.pcall('HGET', fence, source)
      if held == claim then return end
      if type(held) == 'table' then return held end
      local function read(claim) return string.match(claim or '', '^(%d+) %S+ (%S+)') end
      local epoch, group = read(held)
      local ours, our_group = read(claim)
      if not epoch or tonumber(epoch) < tonumber(ours) then
        return redis.error_reply('LOST ' .. source)
      elseif group ~= our_group then
        return redis.error_reply('TAKEN ' .. source .. ' by ' .. group)
      end
      return redis.error_reply('FENCED ' .. source)
    end

    """#

  /// Takes partitions over, all or none.
  ///
  /// `ARGV`: generation, group and nonce, none with a space; and for each partition its source and
  /// whether its group begins afresh. Answers for each with claim and mark.
  static let claim = #"""
    local fence, owner = KEYS[1], table.concat(ARGV, ' ', 1, 3)
    local fields, replies = {}, {}
    for i = 4, #ARGV, 2 do
      local source = ARGV[i]
      local held = redis.call('HGET', fence, source) or ''
      local epoch, generation, group = string.match(held, '^(%d+) (%S+) (%S+)')
      -- Another group's generations tell nothing of ours.
      local is_passed = group == ARGV[2] and tonumber(generation) > tonumber(ARGV[1])
      if is_passed and ARGV[i + 1] == '0' then
        return redis.error_reply('FENCED ' .. source .. ', in generation ' .. generation)
      end
      local claim = string.format('%d %s', (epoch or 0) + 1, owner)
      fields[#fields + 1], fields[#fields + 2] = source, claim
      replies[#replies + 1] = {claim, redis.call('HGET', fence, source .. ':mark')}
    end
    redis.call('HSET', fence, unpack(fields))
    return replies
    """#

  /// A name as a word: what is not printable, and a percent sign, as `%20`.
  static func word(_ name: String) -> Argument {
    let bytes = name.utf8.flatMap { byte -> [UInt8] in
      if byte > 32, byte != UInt8(ascii: "%"), byte != 127 { return [byte] }
      let digits = String(byte, radix: 16, uppercase: true)
      return Array("%\(digits.count == 1 ? "0" : "")\(digits)".utf8)
    }
    return .bytes(bytes.isEmpty ? Array("-".utf8) : bytes)
  }

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
