// What is behind it is hidden again after a while, and when the page is left: here, so that it is gone from the screen also when
// the server cannot be reached, and does not come back with the browser's "back".

export default {
  template: `
    <div v-if="!over" class="veil" data-test="veil">
      <p v-if="words" class="veil-left" role="timer">{{ words.replace("{n}", left) }}</p>
      <slot></slot>
    </div>`,
  props: { seconds: Number, words: String },
  emits: ["over"],
  data() {
    return { over: false, left: this.seconds };
  },
  mounted() {
    this.ends = Date.now() + this.seconds * 1000;
    this.clock = setInterval(this.tick, 500);
    window.addEventListener("pagehide", this.hide);
  },
  unmounted() {
    clearInterval(this.clock);
    window.removeEventListener("pagehide", this.hide);
  },
  methods: {
    tick() {
      this.left = Math.max(0, Math.ceil((this.ends - Date.now()) / 1000));
      if (this.left === 0) this.hide();
    },
    hide() {
      if (this.over) return;
      this.over = true;
      clearInterval(this.clock);
      this.$emit("over");
    },
  },
};
