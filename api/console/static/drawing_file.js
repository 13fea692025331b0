// The field for the file of a drawing. It tells the page how large the picture is, and sends it over the REST API, which
// checks it anew: what is wrong is said here, in the words of the answer.

const TYPES = "image/png,image/jpeg,image/webp";

export default {
  template: `
    <div class="fields">
      <label class="field"><span>{{ words.file }}</span>
        <input type="file" :accept="types" data-test="drawing-file" @change="take($event.target.files[0])"></label>
      <p v-if="busy" class="muted" role="status">{{ words.uploading }}</p>
      <div v-if="fault" class="fault-line" role="alert" data-test="refused">{{ fault }}</div>
    </div>`,
  props: { words: Object, lang: String },
  emits: ["chosen"],
  data() {
    return { file: null, fault: "", busy: false, types: TYPES };
  },
  methods: {
    async take(file) {
      this.file = file || null;
      this.fault = "";
      let size = {};
      if (file) {
        try {
          const picture = await createImageBitmap(file);
          size = { width: picture.width, height: picture.height };
          picture.close();
        } catch {
          size = {}; // no picture, or one that this browser does not read: the server says what is wrong with it
        }
      }
      this.$emit("chosen", { name: file ? file.name : "", ...size });
    },
    async send(url, then) {
      if (!this.file || this.busy) return;
      this.busy = true;
      this.fault = "";
      try {
        const answer = await fetch(url, { method: "PUT", body: this.file, headers: { "accept-language": this.lang } });
        if (answer.ok) {
          window.location.href = then;
          return;
        }
        const said = await answer.json();
        this.fault = said.detail || this.words.failed;
      } catch {
        this.fault = this.words.failed;
      }
      this.busy = false;
    },
  },
};
