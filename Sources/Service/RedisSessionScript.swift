/// The session of one user, folded inside Redis: what `Session.fold` does, atomically and in place.
///
/// The value is MessagePack, about 20 bytes a click and 3 a trail step beside the ids:
/// `[format, count, base, window, behind, hidden, trails]`.
///
/// * `window`: the newest entries that a view shows, by time, four values each: time − base,
///   ordinal, item, event id or `false`. `base` is the time of the first click.
/// * `behind`: the `hidden` older entries, the same four values each, as text that stays unread
///   until a click arrives late, or again. That keeps the usual call three times as fast.
/// * `trails`: per partition `{source, offset, ordinal, steps, length}`, the latest last; `steps`
///   is text too, a pair per record: how much the offset and the ordinal grew by it.
enum RedisSessionScript {
  /// The code of the error reply for a value that is not a session.
  static let corrupt = "CORRUPT"

  static let source = #"""
    local FORMAT, WIDTH, SOURCES, HEAD, CHANGE = 1, 4, 4, 4, 6
    local key, limit, slack = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
    local lateness, ttl = tonumber(ARGV[3]), ARGV[4]
    local count, base, window, behind, hidden, trails

    local function clear()
      count, base, window, behind, hidden, trails = 0, nil, {}, '', 0, {}
    end

    local function load(value)
      local state = cmsgpack.unpack(value)
      if state[1] ~= FORMAT then error('format ' .. tostring(state[1])) end
      count, base, window, behind, hidden, trails = unpack(state, 2, 7)
      if #window % WIDTH ~= 0 or #trails > SOURCES then error('shape') end
    end

    -- Reads the entries behind the window into it.
    local function open()
      if hidden == 0 then return end
      local all, at = {}, 0
      for i = 1, hidden * WIDTH, WIDTH do
        at, all[i], all[i + 1], all[i + 2], all[i + 3] = cmsgpack.unpack_limit(behind, WIDTH, at)
      end
      for i = 1, #window do all[#all + 1] = window[i] end
      window, behind, hidden = all, '', 0
    end

    -- Text without its first `width` values, of which it has more.
    local function rest(text, width)
      return string.sub(text, cmsgpack.unpack_limit(text, width, 0) + 1)
    end

    local function known(id)
      if string.find(behind, cmsgpack.pack(id), 1, true) then open() end
      for i = WIDTH, #window, WIDTH do
        if window[i] == id then return true end
      end
      return false
    end

    -- Inserts behind everything of the same time, and cuts the oldest.
    local function insert(time, item, id)
      if #window == 0 or time < window[1] then open() end
      local at = #window + 1
      while at > 1 and window[at - WIDTH] > time do at = at - WIDTH end
      for i, field in ipairs({time, count, item, id}) do table.insert(window, at + i - 1, field) end
      while hidden + #window / WIDTH > limit + slack do
        if hidden > 1 then
          behind, hidden = rest(behind, WIDTH), hidden - 1
        elseif hidden == 1 then
          behind, hidden = '', 0
        else
          for _ = 1, WIDTH do table.remove(window, 1) end
        end
      end
    end

    local function trail(source)
      for i = 1, #trails do
        if trails[i][1] == source then return trails[i], i end
      end
    end

    local function remember(source, offset)
      local of, at = trail(source)
      if of then table.remove(trails, at) else of = {source, offset, count, '', 0} end
      of[4] = of[4] .. cmsgpack.pack(offset - of[2], count - of[3])
      of[2], of[3], of[5] = offset, count, of[5] + 1
      while of[5] > slack + 1 do of[4], of[5] = rest(of[4], 2), of[5] - 1 end
      if #trails == SOURCES then table.remove(trails, 1) end
      trails[#trails + 1] = of
    end

    -- How many clicks there were as of an offset; 0 before the trail's first step.
    local function recall(of, sought)
      local steps, at = {}, 0
      for i = 1, of[5] do
        local by, clicks
        at, by, clicks = cmsgpack.unpack_limit(of[4], 2, at)
        steps[i] = {by, clicks}
      end
      local offset, ordinal = of[2], of[3]
      for i = #steps, 1, -1 do
        if offset <= sought then return ordinal end
        offset, ordinal = offset - steps[i][1], ordinal - steps[i][2]
      end
      return 0
    end

    local function view(outcome, ordinal)
      local found, at = {}, #window - WIDTH + 1
      while #found < limit do
        if at < 1 then
          if hidden == 0 then break end
          at = hidden * WIDTH - WIDTH + 1
          open()
        end
        if window[at + 1] <= ordinal then found[#found + 1] = window[at + 2] end
        at = at - WIDTH
      end
      local reply = {outcome, ordinal}
      for i = #found, 1, -1 do reply[#reply + 1] = found[i] end
      return reply
    end

    local function click(source, offset, time, item, id)
      local outcome = 'applied'
      base = base or time
      time = time - base
      if id and known(id) then
        outcome = 'duplicate'
      elseif #window > 0 and window[#window - WIDTH + 1] - time > lateness then
        outcome = 'late'
      else
        count = count + 1
        insert(time, item, id)
      end
      remember(source, offset)
      return view(outcome, count)
    end

    local function fold(at)
      local kind, source, offset = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
      local of = trail(source)
      if of and offset <= of[2] then
        return view('redelivered', kind == 'erase' and 0 or recall(of, offset)), false
      end
      if kind == 'erase' then
        clear()
        return {'erased', 0}, true
      end
      local id = kind == 'named' and ARGV[at + 5]
      return click(source, offset, tonumber(ARGV[at + 3]), ARGV[at + 4], id), true
    end

    local function save()
      if #trails == 0 then return redis.pcall('DEL', key) end
      local surplus = math.max(#window - math.max(limit, 1) * WIDTH, 0)
      if surplus > 0 then
        local shown = {}
        for i = 1, surplus, WIDTH do
          behind = behind .. cmsgpack.pack(unpack(window, i, i + WIDTH - 1))
          hidden = hidden + 1
        end
        for i = surplus + 1, #window do shown[#shown + 1] = window[i] end
        window = shown
      end
      local value = cmsgpack.pack({FORMAT, count, base, window, behind, hidden, trails})
      return redis.pcall('SET', key, value, 'PX', ttl)
    end

    local function run(value)
      local views, changed = {}, false
      clear()
      if value then load(value) end
      for at = HEAD + 1, #ARGV, CHANGE do
        local view, new = fold(at)
        views[#views + 1], changed = view, changed or new
      end
      return views, changed
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
