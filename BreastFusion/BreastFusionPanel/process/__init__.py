"""The process that computes, seen from the application: started, asked, cancelled, and what is handed to it."""
