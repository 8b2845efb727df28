/// The session of one user, folded inside Redis: what `Session.fold` does, atomically and in place,
/// where every change's partition is still ours by the fence of the user's bucket.
///
/// The value is MessagePack: `[format, count, base, newest, kept, window, tail, trails, size]`, and
/// behind it, `size` bytes long, the `kept` entries by time, four values each: time − base,
/// ordinal, item, event id or `false`.
///
/// * `base` is the time of the first click, `newest` that of the last entry, less base.
/// * The last `window` entries, those a view shows, begin `tail` bytes into the entries: so the
///   usual click, newer than all, adds itself to the text and takes nothing else apart. A click
///   that comes late, or again, opens all.
/// * `trails`: per partition `{source, offset, ordinal, steps, length}`, the latest last; `steps`
///   is a pair of values per record: how much the offset and the ordinal grew by it.
///
/// Bytes a user takes in Redis (`MEMORY USAGE`), with a full slack of 256 and item ids of 8 bytes:
/// 6,200 for views of 10 clicks, 7,200 for 50, 10,300 for 200; with event ids of 17 bytes 10,300,
/// 12,400 and 20,600; with a slack of 64 a quarter to a half of that. A user of several partitions
/// has up to four trails, of 300 bytes each.
enum RedisSessionScript {
  /// The code of the error reply for a value that is not a session.
  static let corrupt = "CORRUPT"

  static let source = RedisFence.check + folding

  private static let folding = #"""
    local FORMAT, WIDTH, SOURCES, CHANGE = 1, 4, 4, 6
    -- The claims of the call's partitions follow the head, two values each; then come changes.
    local HEAD, CLAIMS = 5, tonumber(ARGV[5])
    local key, limit, slack = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
    local lateness, ttl = tonumber(ARGV[3]), ARGV[4]
    local pack, unpack_limit = cmsgpack.pack, cmsgpack.unpack_limit
    local count, base, newest, kept, trails
    -- Closed, the entries are the text from an offset on, and behind it what is added: apart, for
    -- Redis hashes every byte of a string that it makes. `tail` is where in the text those begin
    -- that are in view. Open, they are all in one table.
    local text, from, tail, added, all

    local function clear()
      count, base, newest, kept, trails = 0, nil, nil, 0, {}
      text, from, tail, added, all = '', 0, 0, '', nil
    end

    local function settle()
      text, from, tail, added = string.sub(text, from + 1) .. added, 0, tail - from, ''
    end

    local function open()
      if all then return end
      settle()
      all = {}
      local at = from
      for i = 1, kept * WIDTH, WIDTH do
        at, all[i], all[i + 1], all[i + 2], all[i + 3] = unpack_limit(text, WIDTH, at)
      end
      if #all ~= kept * WIDTH then error('entries') end
    end

    local function load(value)
      local at, state = unpack_limit(value, 1, 0)
      if state[1] ~= FORMAT then error('format ' .. tostring(state[1])) end
      local window, skipped, size
      count, base, newest, kept, window, skipped, trails, size = unpack(state, 2, 9)
      text, from, tail = value, at, at + skipped
      if size and size ~= #value - at then error('size') end
      -- Stored by other limits.
      if window ~= math.min(kept, limit) then open() end
    end

    local function known(id)
      if not all then
        local bytes = pack(id)
        local found = string.find(text, bytes, from + 1, true)
        if not (found or string.find(added, bytes, 1, true)) then return false end
        open()
      end
      for i = WIDTH, #all, WIDTH do
        if all[i] == id then return true end
      end
      return false
    end

    -- Where the next entry begins; Redis says −1 of the end.
    local function behind(entry)
      local at = unpack_limit(text, WIDTH, entry)
      return at < 0 and #text or at
    end

    -- Inserts behind everything of the same time, and cuts the oldest.
    local function insert(time, item, id)
      if not all and time >= (newest or time) then
        added = added .. pack(time, count, item, id)
        kept, newest = kept + 1, time
        if kept > limit then
          if tail == #text then settle() end
          tail = behind(tail)
        end
        while kept > limit + slack do
          from, kept = behind(from), kept - 1
        end
        return
      end
      open()
      local at = #all + 1
      while at > 1 and all[at - WIDTH] > time do at = at - WIDTH end
      for i = #all, at, -1 do all[i + WIDTH] = all[i] end
      all[at], all[at + 1], all[at + 2], all[at + 3] = time, count, item, id
      while #all / WIDTH > limit + slack do
        for _ = 1, WIDTH do table.remove(all, 1) end
      end
      kept, newest = #all / WIDTH, all[#all - WIDTH + 1]
    end

    local function trail(source)
      for i = 1, #trails do
        if trails[i][1] == source then return trails[i], i end
      end
    end

    local function remember(source, offset)
      local of, at = trail(source)
      if of then table.remove(trails, at) else of = {source, offset, count, '', 0} end
      of[4] = of[4] .. pack(offset - of[2], count - of[3])
      of[2], of[3], of[5] = offset, count, of[5] + 1
      -- A few at a time: what is beyond the slack is not recalled.
      if of[5] > slack + 16 then
        local at = unpack_limit(of[4], 2 * 15, 0)
        of[4], of[5] = string.sub(of[4], at + 1), of[5] - 15
      end
      if #trails == SOURCES then table.remove(trails, 1) end
      trails[#trails + 1] = of
    end

    -- How many clicks there were as of an offset; 0 before the trail's first step.
    local function recall(of, sought)
      local steps, at = {}, 0
      for i = 1, of[5] do
        local by, clicks
        at, by, clicks = unpack_limit(of[4], 2, at)
        steps[i] = {by, clicks}
      end
      local offset, ordinal = of[2], of[3]
      for i = #steps, math.max(#steps - slack, 1), -1 do
        if offset <= sought then return ordinal end
        offset, ordinal = offset - steps[i][1], ordinal - steps[i][2]
      end
      return 0
    end

    -- The entries in view, as they are kept: taking them apart here would cost more than all else.
    local function view(outcome, ordinal)
      if not all and ordinal == count then
        return {outcome, ordinal, string.sub(text, tail + 1) .. added}
      end
      open()
      local found = {}
      for i = #all - WIDTH + 1, 1, -WIDTH do
        if #found == limit then break end
        if all[i + 1] <= ordinal then
          found[#found + 1] = pack(all[i], all[i + 1], all[i + 2], all[i + 3])
        end
      end
      for i = 1, #found / 2 do
        local other = #found + 1 - i
        found[i], found[other] = found[other], found[i]
      end
      return {outcome, ordinal, table.concat(found)}
    end

    local function click(source, offset, time, item, id)
      local outcome = 'applied'
      base = base or time
      time = time - base
      if id and known(id) then
        outcome = 'duplicate'
      elseif newest and newest - time > lateness then
        outcome = 'late'
      else
        count = count + 1
        insert(time, item, id)
      end
      remember(source, offset)
      return view(outcome, count)
    end

    local function fold(at)
      local kind, offset = ARGV[at], tonumber(ARGV[at + 2])
      local source = ARGV[HEAD + 2 * ARGV[at + 1] - 1]
      local of = trail(source)
      if of and offset <= of[2] then
        return view('redelivered', kind == 'erase' and 0 or recall(of, offset)), false
      end
      if kind == 'erase' then
        clear()
        return {'erased', 0, ''}, true
      end
      local id = kind == 'named' and ARGV[at + 5]
      return click(source, offset, tonumber(ARGV[at + 3]), ARGV[at + 4], id), true
    end

    local function close()
      local parts = {}
      for i = 1, #all, WIDTH do
        parts[#parts + 1] = pack(all[i], all[i + 1], all[i + 2], all[i + 3])
      end
      text, from, tail, added = table.concat(parts), 0, 0, ''
      for i = 1, kept - limit do tail = tail + #parts[i] end
    end

    local function save()
      if #trails == 0 then return redis.pcall('DEL', key) end
      if all then close() end
      local window, skipped, size = math.min(kept, limit), tail - from, #text - from + #added
      local head = pack({FORMAT, count, base, newest, kept, window, skipped, trails, size})
      return redis.pcall('SET', key, head .. string.sub(text, from + 1) .. added, 'PX', ttl)
    end

    local function run(value)
      local views, changed = {}, false
      clear()
      if value then load(value) end
      for at = HEAD + 2 * CLAIMS + 1, #ARGV, CHANGE do
        local view, new = fold(at)
        views[#views + 1], changed = view, changed or new
      end
      return views, changed
    end

    for i = HEAD + 1, HEAD + 2 * CLAIMS, 2 do
      local refused = refusal(KEYS[2], ARGV[i], ARGV[i + 1])
      if refused then return refused end
    end
    local value = redis.pcall('GET', key)
    if type(value) == 'table' then return value end
    local read, views, changed = pcall(run, value)
    if not read then return redis.error_reply('CORRUPT ' .. tostring(views)) end
    local saved = changed and save()
    if type(saved) == 'table' and saved.err then return saved end
    return views
    """#
}
