// A floor plan: the drawing, with a dot for each device. While something is being placed, a press on the drawing says where.
// Whoever works without a pointer has two fields for the same beside it (plan_page.py).

export default {
  template: `
    <figure class="plan" :class="{ placing }" data-test="plan">
      <img :src="src" :alt="alt" draggable="false" @click="press" @error="broken = true">
      <template v-for="dot in dots" :key="dot.id">
        <a v-if="!placing" class="dot" :class="'s-' + dot.state" :href="dot.href" :title="dot.title" :aria-label="dot.title"
           :style="at(dot)" :data-dot="dot.id" :aria-current="dot.id === chosen ? 'true' : null"><span class="sign"></span></a>
        <span v-else class="dot" :class="['s-' + dot.state, { faint: dot.id !== chosen }]" :style="at(dot)"
              :data-dot="dot.id" aria-hidden="true"><span class="sign"></span></span>
      </template>
      <span v-if="placing && spot" class="dot fresh-spot" :style="at(spot)" data-test="spot" aria-hidden="true"></span>
    </figure>`,
  props: { src: String, alt: String, dots: Array, chosen: String, placing: Boolean, spot: Object },
  emits: ["press"],
  data() {
    return { broken: false };
  },
  methods: {
    at(point) {
      return { left: `${point.x * 100}%`, top: `${point.y * 100}%` };
    },
    press(event) {
      if (!this.placing) return;
      const box = event.target.getBoundingClientRect();
      const part = (value, side) => Math.min(1, Math.max(0, value / side));
      this.$emit("press", {
        x: part(event.clientX - box.left, box.width),
        y: part(event.clientY - box.top, box.height),
      });
    },
  },
};
