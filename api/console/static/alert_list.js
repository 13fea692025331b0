// The list of alerts: one component that draws plain rows, so that a change costs one small message and not a page.
// Everything shown goes through Vue's text interpolation, so a name is never markup.

const RANK = { critical: 0, high: 1, medium: 2, low: 3 };
const SEVERITIES = Object.keys(RANK);
const FRESH_MS = 15000;

export default {
  template: `
    <div>
      <div class="board-head counting">
        <h1>{{ words.alerts }}</h1>
        <div class="chips" role="group" :aria-label="words.filter_severity">
          <button v-for="s in severities" :key="s" type="button" class="chip" :class="['s-' + s, { none: !counts[s] }]"
                  :data-severity="s" :aria-pressed="String(chosen.has(s))" @click="toggle(s)">
            <span class="sign"></span><b>{{ counts[s] }}</b><span>{{ names[s] }}</span>
          </button>
        </div>
        <div class="segment" role="group" :aria-label="words.filter_state">
          <button type="button" data-test="open" :aria-pressed="String(!all)" @click="show(false)">{{ words.open }}</button>
          <button type="button" data-test="all" :aria-pressed="String(all)" @click="show(true)">{{ words.all }}</button>
        </div>
      </div>
      <TransitionGroup v-if="shown.length" tag="ul" name="rows" class="rows" data-test="alerts">
        <li v-for="row in shown" :key="row.id" class="row-a" :data-alert="row.id" :data-handling="row.handling"
            :class="['s-' + row.severity, { calm: !row.todo, closed: !row.open, shelved: row.shelved, fresh: fresh[row.id] }]">
          <div class="a-grade grade"><span class="sign"></span>{{ row.severity_word }}</div>
          <div class="a-what">
            <div class="a-title">
              <a :href="'/alerts/' + row.id">{{ row.title }}</a>
              <span class="tags"><span v-for="tag in row.tags" class="tag">{{ tag }}</span></span>
            </div>
            <div class="a-why">{{ row.sentence }}</div>
          </div>
          <div class="a-where">{{ row.where }}</div>
          <div class="a-since">{{ ago(row.opened_at) }}<small>{{ row.opened_text }}</small></div>
          <div class="a-state" :class="{ todo: row.todo }">{{ row.state_word }}<small v-if="row.who">{{ row.who }}</small></div>
          <div class="a-act"><button v-if="row.todo" type="button" class="btn btn-main" data-test="acknowledge"
               @click="$emit('acknowledge', { id: row.id, title: row.title })">{{ words.acknowledge }}</button></div>
        </li>
      </TransitionGroup>
      <div v-else class="rows"><div class="empty s-ok">
        <template v-if="list.length && (chosen.size || all)"><b>{{ words.nothing_matches }}</b></template>
        <template v-else><span class="sign"></span><b>{{ words.nothing }}</b>{{ words.nothing_more }}</template>
      </div></div>
    </div>`,
  props: { words: Object, names: Object, rows: Array, all: Boolean },
  emits: ["acknowledge", "show"],
  data() {
    return { list: [], fresh: {}, chosen: new Set(), tick: 0, severities: SEVERITIES };
  },
  watch: {
    rows() {
      this.take();
    },
  },
  computed: {
    shown() {
      return this.list
        .filter((row) => (this.all || row.open) && (!this.chosen.size || this.chosen.has(row.severity)))
        .sort((a, b) =>
          this.all
            ? b.opened_at - a.opened_at
            : a.shelved - b.shelved || RANK[a.severity] - RANK[b.severity] || b.opened_at - a.opened_at || (a.id < b.id ? 1 : -1),
        );
    },
    counts() {
      const counts = Object.fromEntries(SEVERITIES.map((s) => [s, 0]));
      for (const row of this.list) if (row.open) counts[row.severity] += 1;
      return counts;
    },
  },
  created() {
    this.take();
  },
  mounted() {
    window.addEventListener("linli-alerts", this.merge);
    this.clock = setInterval(() => (this.tick += 1), 5000);
  },
  unmounted() {
    window.removeEventListener("linli-alerts", this.merge);
    clearInterval(this.clock);
  },
  methods: {
    take() {
      this.list = [...this.rows];
    },
    merge(event) {
      const byId = new Map(this.list.map((row) => [row.id, row]));
      for (const row of event.detail) {
        const have = byId.get(row.id);
        if (have && have.rev > row.rev) continue;
        if (row.open || this.all) byId.set(row.id, row);
        else byId.delete(row.id);
        if (row.fresh) {
          this.fresh[row.id] = true;
          setTimeout(() => delete this.fresh[row.id], FRESH_MS);
        }
      }
      this.list = [...byId.values()];
    },
    toggle(severity) {
      const chosen = new Set(this.chosen);
      if (!chosen.delete(severity)) chosen.add(severity);
      this.chosen = chosen;
    },
    show(all) {
      if (all !== this.all) this.$emit("show", { all });
    },
    ago(us) {
      this.tick; // read, so that the text is made again as time passes
      const offset = window.linli?.offset ?? 0;
      const seconds = Math.max(0, Math.floor((Date.now() + offset - us / 1000) / 1000));
      const [word, n] =
        seconds < 5 ? ["just_now", 0]
        : seconds < 60 ? ["seconds_ago", seconds]
        : seconds < 3600 ? ["minutes_ago", Math.floor(seconds / 60)]
        : seconds < 86400 ? ["hours_ago", Math.floor(seconds / 3600)]
        : ["days_ago", Math.floor(seconds / 86400)];
      return this.words[word].replace("{n}", n);
    },
  },
};
