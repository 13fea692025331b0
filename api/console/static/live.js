// The live feed of one page: says when it stops, sounds for alerts that ask for somebody (new, worse, told again, or to be
// acknowledged once more), keeps the title's count and the health line.
//
// The server calls window.linli.push(rows) for alerts that changed and window.linli.beat({now, feed, note, health}) every
// few seconds. Both are the same code for every console of a language, so that a change is written out once.

const SILENT_AFTER_MS = 13000;
const TOAST_MS = 20000;
const RANK = { critical: 0, high: 1, medium: 2, low: 3 };

export default {
  template: `
    <div class="live">
      <div v-if="problem" class="banner" role="alert">{{ problem }}</div>
      <div v-else-if="note" class="banner note" role="status">{{ note }}</div>
      <button type="button" class="btn btn-quiet" data-test="mute" :aria-pressed="String(muted)"
              :title="muted ? words.sound_off : words.sound_on" @click="toggleMute">
        <span class="icon" :class="muted ? 'i-mute' : 'i-bell'"></span>
        <span class="only-wide">{{ muted ? words.sound_off : words.sound_on }}</span>
      </button>
      <button type="button" class="btn btn-quiet" data-test="test-sound" :title="words.test_sound"
              :aria-label="words.test_sound" @click="play('high', true)">
        <span class="icon i-play"></span>
      </button>
      <button v-if="blocked && !muted" type="button" class="sound-hint" data-test="sound-hint" @click="unlock">
        {{ words.sound_blocked }}
      </button>
      <div class="toasts" aria-live="assertive">
        <a v-for="row in toasts" :key="row.id" class="toast" :class="'s-' + row.severity" :href="'/alerts/' + row.id">
          <span class="sign"></span>
          <span><b>{{ row.severity_word }} · {{ row.title }}</b><small><template v-if="row.calls">{{ row.calls }} · </template>{{ row.where }}</small></span>
        </a>
      </div>
    </div>`,
  props: { words: Object, known: Object, now: Number, lang: String, toasting: Boolean, person: String },
  data() {
    return { muted: false, blocked: false, lost: false, feed: "", note: "", toasts: [] };
  },
  computed: {
    problem() {
      if (this.lost) return this.words.connection_lost;
      return this.feed;
    },
  },
  created() {
    this.open = new Map(Object.entries(this.known));
    this.muted = localStorage.getItem(this.muteKey()) === "1";
    document.documentElement.lang = this.lang;
    this.plain = document.title;
    this.beatAt = Date.now();
    const before = window.linli || {};
    window.linli = { ...before, offset: this.now - Date.now(), played: before.played || [], push: this.push, beat: this.beat };
    this.showCount();
  },
  beforeMount() {
    // Until the page is connected a press would be lost without a word: the last one is kept, and done then.
    this.pressed = null;
    document.addEventListener("click", this.keep, true);
    this.joining = setInterval(this.join, 50);
  },
  mounted() {
    this.watch = setInterval(this.listen, 1000);
    window.socket?.on("disconnect", this.dropped);
    window.socket?.on("connect", this.listen);
    window.addEventListener("pointerdown", this.unlock, { once: true });
    window.addEventListener("keydown", this.unlock, { once: true });
  },
  unmounted() {
    clearInterval(this.watch);
    clearInterval(this.joining);
    document.removeEventListener("click", this.keep, true);
  },
  methods: {
    muteKey() {
      return "linli.muted." + this.person;
    },
    keep(event) {
      const button = event.target.closest("button");
      if (!button || button.type === "submit") return;
      event.preventDefault();
      event.stopImmediatePropagation();
      this.pressed = button;
    },
    join() {
      if (!window.socket?.connected) return;
      clearInterval(this.joining);
      document.removeEventListener("click", this.keep, true);
      this.pressed?.click();
    },
    dropped() {
      this.beatAt = 0;
      this.listen();
    },
    listen() {
      this.lost = Date.now() - this.beatAt > SILENT_AFTER_MS;
    },
    beat(state) {
      this.beatAt = Date.now();
      this.lost = false;
      this.feed = state.feed;
      this.note = state.note;
      window.linli.offset = state.now - Date.now();
      const line = document.querySelector("[data-health]");
      if (line) {
        line.textContent = state.health;
        line.previousElementSibling.className = "health-dot " + state.health_class;
      }
    },
    push(rows) {
      const fresh = [];
      for (const row of rows) {
        const before = this.open.get(row.id);
        if (!row.open) {
          this.open.delete(row.id);
          continue;
        }
        if (row.live && !row.shelved && this.asks(row, before)) fresh.push(row);
        this.open.set(row.id, { severity: row.severity, handling: row.handling });
      }
      this.showCount();
      for (const row of fresh) row.fresh = true;
      window.dispatchEvent(new CustomEvent("linli-alerts", { detail: rows }));
      this.toasts = this.toasts.filter((toast) => this.open.has(toast.id));
      if (fresh.length) this.announce(fresh);
    },
    asks(row, before) {
      if (before === undefined || row.calls) return true;
      const again = row.handling === "unacknowledged" && before.handling !== row.handling;
      return again || RANK[row.severity] < RANK[before.severity];
    },
    announce(fresh) {
      fresh.sort((a, b) => RANK[a.severity] - RANK[b.severity]);
      this.play(fresh[0].severity, false);
      if (!this.toasting) return;
      const until = Date.now() + TOAST_MS;
      const ids = new Set(fresh.map((row) => row.id));
      const others = this.toasts.filter((toast) => !ids.has(toast.id));
      this.toasts = [...fresh.map((row) => ({ ...row, until })), ...others].slice(0, 4);
      setTimeout(() => (this.toasts = this.toasts.filter((toast) => toast.until > Date.now())), TOAST_MS);
    },
    showCount() {
      const count = this.open.size;
      document.title = count ? `(${count}) ${this.plain}` : this.plain;
    },
    toggleMute() {
      this.muted = !this.muted;
      localStorage.setItem(this.muteKey(), this.muted ? "1" : "0");
    },
    unlock() {
      if (!this.blocked) return;
      this.blocked = false;
      this.play("low", true);
    },
    async play(severity, wanted) {
      if (this.muted && !wanted) return;
      const entry = { severity, wanted, state: "asked" };
      window.linli.played.push(entry);
      try {
        await new Audio(`/console/sounds/${severity}.wav`).play();
        entry.state = "played";
        this.blocked = false;
      } catch (error) {
        entry.state = error.name;
        if (error.name === "NotAllowedError") {
          this.blocked = true;
          window.addEventListener("pointerdown", this.unlock, { once: true });
        }
      }
    },
  },
};
