// Sends a file to be checked, as any other client of the API does, and shows how much of it has gone.

export default {
  template: `
    <form class="panel fields" data-test="upload" @submit.prevent="send">
      <label class="field"><span>{{ words.file }}</span>
        <input type="file" ref="file" accept=".xlsx,.xlsm,.csv,.zip" data-test="file" @change="choose" /></label>
      <label v-if="csv" class="field"><span>{{ words.table }}</span>
        <select v-model="table" data-test="table"><option value="">{{ words.as_named }}</option>
          <option v-for="(name, key) in tables" :key="key" :value="key">{{ name }}</option></select></label>
      <label v-if="!settle" class="field"><span>{{ words.source }}</span>
        <input type="text" v-model="source" maxlength="64" :placeholder="stem" data-test="source" /></label>
      <label class="pick"><input type="checkbox" v-model="settle" data-test="settle" /><span>{{ words.settle }}</span></label>
      <label class="pick"><input type="checkbox" v-model="missing" data-test="missing" /><span>{{ words.remove_missing }}</span></label>
      <div v-if="fault" class="fault-line" role="alert">{{ fault }}</div>
      <div v-if="sending" class="bar" role="progressbar" :aria-label="words.sending" :aria-valuenow="Math.round(done * 100)">
        <progress :value="done" max="1"></progress><span class="muted">{{ words.sending }} {{ Math.round(done * 100) }} %</span></div>
      <button type="submit" class="btn btn-main" :disabled="sending || !file" data-test="send">{{ words.upload }}</button>
    </form>`,
  props: { words: Object, tables: Object, most: Number, lang: String },
  data() {
    return { file: null, table: "", source: "", settle: false, missing: false, fault: "", sending: false, done: 0 };
  },
  computed: {
    csv() {
      return this.file !== null && /\.csv$/i.test(this.file.name);
    },
    stem() {
      return this.file ? this.file.name.replace(/\.[^.]*$/, "").slice(0, 64) : "";
    },
  },
  methods: {
    choose() {
      this.file = this.$refs.file.files[0] ?? null;
      this.fault = this.file && this.file.size > this.most ? this.words.too_large : "";
    },
    send() {
      if (!this.file || this.file.size > this.most) return;
      const asked = new URLSearchParams({ file: this.file.name.slice(-120), remove_missing: String(this.missing) });
      const changed = Math.min(this.file.lastModified, Date.now());
      asked.set("as_of", new Date(changed).toISOString());
      if (this.csv && this.table) asked.set("table", this.table);
      if (this.settle || this.source) asked.set("source", this.settle ? "person" : this.source);
      const request = new XMLHttpRequest();
      request.open("POST", "/api/v1/registry/imports?" + asked);
      request.setRequestHeader("Accept-Language", this.lang);
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.upload.onprogress = (event) => (this.done = event.total ? event.loaded / event.total : 0);
      request.onload = () => this.answered(request);
      request.onerror = () => this.failed(this.words.failed_to_send);
      this.fault = "";
      this.sending = true;
      request.send(this.file);
    },
    answered(request) {
      if (request.status === 401) return window.location.reload();
      let found = {};
      try {
        found = JSON.parse(request.responseText);
      } catch {}
      if (request.status !== 202) return this.failed(found.detail || this.words.failed_to_send);
      window.location.assign("/registry/import/" + encodeURIComponent(found.id));
    },
    failed(said) {
      this.fault = said;
      this.sending = false;
      this.done = 0;
    },
  },
};
