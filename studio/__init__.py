"""The shell that carries the pages: settings, store, people, jobs, runs, models, media, and the app itself."""
